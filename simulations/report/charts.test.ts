import { expect, it } from 'vitest';
import type { StudyRecord } from '../study/record.ts';
import { summarize } from '../study/run-study.ts';
import { chartsOf } from './charts.ts';

type Point = [number, number];

/** Only federated methods have learning curves and bytes; the higher the place, the better the AUC. */
function recordOf(place: number, kind: StudyRecord['kind']): StudyRecord {
  const curve: Point[] = [0, 0.5, 1].map((x) => [x, x ** (1 / (place + 2))]);
  return {
    ...{ study: 's', method: `method-${place}`, title: `Method ${place}`, kind, seed: 1, seconds: 0 },
    ...{ figures: { auc: 0.5 + place / 100 }, interval95: { low: 0.5, high: 0.7 } },
    ...{ roc: curve, precisionRecall: curve, calibration: curve, lift: curve },
    ...(kind === 'baseline'
      ? { learning: [] }
      : { learning: curve, cost: { rounds: 1, uploadBytes: 4, participations: 1 } }),
  };
}

const chartsOfKinds = (kinds: readonly StudyRecord['kind'][]) =>
  new Map(
    chartsOf(summarize(kinds.map((kind, place) => recordOf(place, kind)))).map(({ name, svg }) => [name, svg] as const),
  );

/** What each entry of the legend is drawn in: its mark stands right before its name. */
function legendOf(svg: string): Map<string, string> {
  const marks = [...svg.matchAll(/stroke="(#[0-9a-f]{6})"/g)];
  const names = [...svg.matchAll(/>(Method \d+|no skill)<\/text>/g)];
  return new Map(names.map(({ 1: name, index }) => [name!, marks.findLast((mark) => mark.index < index)![1]!]));
}

it('a method has one color in all charts of a page, whatever others they leave out', () => {
  const charts = chartsOfKinds(['federated', 'baseline', 'federated', 'baseline']);
  const { 'no skill': _, ...colors } = Object.fromEntries(legendOf(charts.get('roc')!));
  expect(new Set(Object.values(colors)).size).toBe(4);
  const federated = { 'Method 2': colors['Method 2'], 'Method 0': colors['Method 0'] };
  // Baselines that learn nothing have no learning curve, and lone features no calibration.
  expect(Object.fromEntries(legendOf(charts.get('learning')!))).toEqual(federated);
  expect(Object.fromEntries(legendOf(charts.get('calibration')!))).toEqual(federated);
  for (const name of ['precision-recall', 'lift'])
    expect(Object.fromEntries(legendOf(charts.get(name)!)), name).toEqual(colors);
  const bars = [...charts.get('bytes')!.matchAll(/fill="(#[0-9a-f]{6})"[^>]*ecmeta_ssr_type="chart"/g)];
  expect(bars.map(([, color]) => color)).toEqual([colors['Method 0'], colors['Method 2']]);
});

it('a dozen methods are told apart, and from no skill', () => {
  const legend = legendOf(chartsOfKinds(Array.from({ length: 12 }, () => 'federated')).get('roc')!);
  expect(legend.size).toBe(13);
  expect(new Set(legend.values()).size).toBe(13);
});
