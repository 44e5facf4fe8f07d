/** Sums over bins, of which boosted trees grow: from raw rows, against a loop that only adds and finds all bins ready. */

import { type LabelledRow, treeBoosting } from '@chorale/shared/algorithms';
import { binOf, type Trainer } from '@chorale/shared/models';
import { seededRandom } from '@chorale/shared/testing';
import type { BenchGroup } from './measurement.ts';
import { leastOf } from './stopwatch.ts';

const [rowCount, width, bins] = [12_000, 28, 64];
const edges = Array.from({ length: width }, () => Array.from({ length: bins - 1 }, (_, i) => (i + 1) / bins));

export const histogramGroup: BenchGroup = async function* ({ isQuick, note }) {
  note(`histogram: ${rowCount} rows of ${width} features in ${bins} bins …`);
  const random = seededRandom('histogram');
  const rows: readonly LabelledRow[] = Array.from({ length: rowCount }, () => ({
    features: Float32Array.from({ length: width }, random.uniform),
    label: random.below(2),
  }));
  const broadcast = treeBoosting.publish(
    treeBoosting.init(treeBoosting.config.parse({ edges, maxRows: rowCount, trees: 1, depth: 6 }), random),
  );
  const tools = { trainer: untrained, random, signal: new AbortController().signal };
  const contribute = () => treeBoosting.contribute(broadcast, rows, tools);
  const ready = rows.map(({ features }) => Uint8Array.from(features, (value, i) => binOf(edges[i]!, value)));
  const labels = Uint8Array.from(rows, ({ label }) => label);
  checkSums(await contribute(), addPlainly(ready, labels));
  const runs = isQuick ? 5 : 20;
  const cells = rowCount * width;
  const control = perSecond(cells, (await leastOf(runs, () => addPlainly(ready, labels))).cpuMs);
  const name = `histogram ${rowCount}x${width}x${bins}`;
  for (const [when, work] of [
    ['', contribute],
    // As where a device is asked once: rows that were asked before keep their bins.
    [', never asked before', () => treeBoosting.contribute(broadcast, [...rows], tools)],
  ] as const) {
    const value = perSecond(cells, (await leastOf(runs, work)).cpuMs);
    yield { name: name + when, value, unit: '1/s', control, against: 'a plain loop of int32 sums, bins ready' };
  }
};

const untrained: Trainer = {
  backend: 'none',
  train: () => Promise.reject(new Error('nothing is trained')),
};

/** Rows and positive rows of every bin. */
function addPlainly(rows: readonly Uint8Array[], labels: Uint8Array): { rows: Int32Array; positives: Int32Array } {
  const sums = { rows: new Int32Array(width * bins), positives: new Int32Array(width * bins) };
  for (let row = 0; row < rowCount; row++) {
    const [own, label] = [rows[row]!, labels[row]!];
    for (let i = 0; i < width; i++) {
      const bin = i * bins + own[i]!;
      sums.rows[bin]! += 1;
      sums.positives[bin]! += label;
    }
  }
  return sums;
}

/** Before the first tree everybody is at probability ½: a row's gradient is ½ − label, and its curvature ¼. */
function checkSums(
  { gradients, curvatures }: { readonly gradients: Float32Array; readonly curvatures: Float32Array },
  { rows, positives }: ReturnType<typeof addPlainly>,
): void {
  const isRight = rows.every(
    (count, bin) => gradients[bin] === count / 2 - positives[bin]! && curvatures[bin] === count / 4,
  );
  if (!isRight) throw new Error('the sums are wrong');
}

/** Cells (a row's feature each) a second. */
function perSecond(cells: number, ms: number): number {
  return (1000 * cells) / ms;
}
