/** The charts of a study, drawn as SVG without a browser. */

import type { EChartsOption } from 'echarts';
import * as echarts from 'echarts';
import type { MethodSummary } from '../study/run-study.ts';

export type Chart = {
  /** Also its file name. */
  readonly name: string;
  readonly title: string;
  /** For people: how to read it. */
  readonly hint: string;
  readonly svg: string;
};

/** With room at the right for names, one below the other: their width cannot be measured without a browser. */
const size = { width: 760, height: 380 };
const legendWidth = 285;
/** Of methods. Greys are left to what is none. */
const palette = [
  ...['#2f6fed', '#e4572e', '#17a398', '#8f5bd6', '#d99a1c', '#2b3a67'],
  ...['#c2417a', '#6aa32a', '#8a4b2a', '#1b9fd0', '#e58fb0', '#7d7a12'],
];
const referenceColor = '#9aa3ab';

type Point = readonly [number, number];
type Line = {
  readonly name: string;
  readonly points: readonly Point[];
  readonly isDashed?: boolean;
  /** One more of the same name: in its colour, thinner, and without an entry in the legend. */
  readonly isFaint?: boolean;
};
/** Of a method, by its title. */
type Colors = ReadonlyMap<string, string>;
type Axes = { readonly x: string; readonly y: string; readonly square?: boolean; readonly log?: boolean };

/** Charts that would show nothing are left out. */
export function chartsOf(summaries: readonly MethodSummary[]): Chart[] {
  // Scores that are all the same make no curve, only a straight line.
  const skilled = summaries.filter(({ record }) => new Set(record.calibration.map(([score]) => score)).size > 1);
  const lines = (of: (summary: MethodSummary) => readonly Point[], shown = skilled): Line[] =>
    shown
      .map((summary) => ({ name: summary.record.title, points: of(summary) }))
      .filter(({ points }) => points.length > 1);
  const colors = colorsOf(summaries);
  const diagonal: Line = {
    name: 'no skill',
    points: [
      [0, 0],
      [1, 1],
    ],
    isDashed: true,
  };
  const right: Line = { ...diagonal, name: 'perfectly calibrated' };
  const charts: (Chart | undefined)[] = [
    learningChart(
      'AUC',
      skilled.map(({ record, others }) => ({ name: record.title, curves: [record.learning, ...others] })),
      colors,
    ),
    lineChart(
      'roc',
      'ROC',
      'Of the people who acted (up), how many are reached at the price of how many who did not (right).',
      [...lines(({ record }) => record.roc), diagonal],
      { x: 'false positive rate', y: 'true positive rate', square: true },
      colors,
    ),
    lineChart(
      'precision-recall',
      'Precision and recall',
      'How many of those reached act (up) when so many of all who act are reached (right).',
      lines(({ record }) => record.precisionRecall),
      { x: 'recall', y: 'precision' },
      colors,
    ),
    lineChart(
      'calibration',
      'Calibration',
      'Tenths of the rows: what was predicted (right) and what happened (up).',
      [...lines(({ record }) => record.calibration, skilled.filter(isLearned)), clippedDiagonal(summaries, right)],
      { x: 'mean score', y: 'share that acted' },
      colors,
    ),
    lineChart(
      'lift',
      'Lift',
      'How many times more than on average act among the best-scored.',
      lines(({ record }) => record.lift.filter(([share]) => share >= 0.01)),
      { x: 'share of rows, best-scored first', y: 'lift' },
      colors,
    ),
    privacyChart(summaries, colors),
    bytesChart(summaries, colors),
  ];
  return charts.filter((chart) => chart !== undefined);
}

/** One for the whole page, so that a method looks the same wherever it is drawn; baselines take what is left. */
function colorsOf(summaries: readonly MethodSummary[]): Colors {
  const isBaseline = ({ record }: MethodSummary) => record.kind === 'baseline';
  const ordered = [...summaries.filter((one) => !isBaseline(one)), ...summaries.filter(isBaseline)];
  return colorsOfNames(ordered.map(({ record }) => record.title));
}

function colorsOfNames(names: readonly string[]): Colors {
  return new Map([...new Set(names)].map((name, place) => [name, palette[place % palette.length]!]));
}

/** @param methods each with a curve per seed, the median one first */
export function learningChart(
  figure: string,
  methods: readonly { readonly name: string; readonly curves: readonly (readonly Point[])[] }[],
  colors = colorsOfNames(methods.map(({ name }) => name)),
): Chart | undefined {
  const lines = methods.flatMap(({ name, curves }) =>
    curves.map((points, i): Line => ({ name, points, ...(i > 0 && { isFaint: true }) })),
  );
  const hasMany = lines.some(({ isFaint }) => isFaint);
  return lineChart(
    'learning',
    'Learning curves',
    `${figure} on the test rows after each secure round${hasMany ? '; thin lines are other seeds' : ''}.`,
    lines.filter(({ points }) => points.length > 1),
    { x: 'secure rounds', y: figure },
    colors,
  );
}

/** Single features and lone devices are there to be beaten, not to be calibrated. */
function isLearned({ record: { kind, method } }: MethodSummary): boolean {
  return kind !== 'baseline' || method.startsWith('central');
}

/** As far as scores reach: rare events leave most of the square empty. */
function clippedDiagonal(summaries: readonly MethodSummary[], line: Line): Line {
  const most = Math.max(...summaries.flatMap(({ record }) => record.calibration.flat()), 0.01);
  return {
    ...line,
    points: [
      [0, 0],
      [most, most],
    ],
  };
}

function lineChart(
  name: string,
  title: string,
  hint: string,
  lines: readonly Line[],
  axes: Axes,
  colors: Colors,
): Chart | undefined {
  if (lines.every(({ isDashed }) => isDashed)) return undefined;
  const names = [...new Set(lines.map((line) => line.name))];
  const colorOf = ({ name }: Line) => colors.get(name) ?? referenceColor;
  const option: EChartsOption = {
    ...base(names),
    xAxis: axis(axes.x, axes.square ? { min: 0, max: 1 } : { scale: false }),
    yAxis: axis(axes.y, axes.square ? { min: 0, max: 1 } : { scale: true }),
    series: lines.map((line) => ({
      type: 'line',
      name: line.name,
      data: line.points.map(([x, y]) => [x, y]),
      showSymbol: line.points.length <= 12 && !line.isDashed && !line.isFaint,
      symbolSize: 5,
      lineStyle: styleOf(line, colorOf(line)),
      itemStyle: { color: colorOf(line) },
    })),
  };
  return { name, title, hint, svg: draw(option) };
}

function styleOf({ isDashed, isFaint }: Line, color: string) {
  if (isDashed) return { type: 'dashed' as const, width: 1, color };
  return isFaint ? { width: 1, color, opacity: 0.5 } : { width: 2, color };
}

/** One point for each promise, and the same model without one as a line above. */
function privacyChart(summaries: readonly MethodSummary[], colors: Colors): Chart | undefined {
  const points = summaries
    .filter(({ record }) => record.epsilon !== undefined)
    .map(({ record }): Point => [record.epsilon!, record.figures.auc!])
    .sort(([a], [b]) => a - b);
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const [low, high] = [first[0] / 2, last[0] * 2].map((value) => Number(value.toPrecision(2))) as [number, number];
  const quiet = summaries.find(({ record }) => record.method === 'federated-logistic')?.record;
  const without = quiet?.figures.auc;
  const quietColor = colors.get(quiet?.title ?? '') ?? referenceColor;
  const span: readonly Point[] =
    without === undefined
      ? []
      : [
          [low, without],
          [high, without],
        ];
  const names = ['with noise', ...(span.length > 0 ? ['without noise'] : [])];
  const option: EChartsOption = {
    ...base(names),
    xAxis: { ...axis('ε (smaller is more private)', {}), type: 'log', min: low, max: high },
    yAxis: axis('AUC', { scale: true }),
    series: [
      {
        type: 'line',
        name: 'with noise',
        data: points.map(([x, y]) => [x, y]),
        symbolSize: 8,
        lineStyle: { width: 2, color: '#3d464d' },
        itemStyle: { color: '#3d464d' },
      },
      ...(span.length > 0
        ? [
            {
              type: 'line' as const,
              name: 'without noise',
              data: span.map(([x, y]) => [x, y]),
              showSymbol: false,
              lineStyle: { type: 'dashed' as const, width: 1.5, color: quietColor },
              itemStyle: { color: quietColor },
            },
          ]
        : []),
    ],
  };
  return {
    name: 'privacy',
    title: 'Privacy and AUC',
    hint: 'What a stronger promise to each device costs; δ = 10⁻⁵.',
    svg: draw(option),
  };
}

function bytesChart(summaries: readonly MethodSummary[], colors: Colors): Chart | undefined {
  const costs = summaries.flatMap(({ record }) =>
    record.cost
      ? [{ name: record.title, kilobytes: (record.cost.uploadBytes * record.cost.participations) / 1000 }]
      : [],
  );
  if (costs.length === 0) return undefined;
  const rows = costs.toReversed();
  const option: EChartsOption = {
    ...base([]),
    grid: { left: 280, right: 70, top: 20, bottom: 55 },
    xAxis: axis('kB sent by an average device, all rounds', {}),
    yAxis: {
      type: 'category',
      data: rows.map(({ name }) => name),
      axisLabel: { width: 265, overflow: 'truncate', color: '#3d464d' },
    },
    series: [
      {
        type: 'bar',
        data: rows.map(({ name, kilobytes }) => ({
          value: Number(kilobytes.toPrecision(3)),
          itemStyle: { color: colors.get(name)! },
        })),
        label: { show: true, position: 'right' },
        barMaxWidth: 26,
      },
    ],
  };
  return {
    name: 'bytes',
    title: 'Bytes',
    hint: 'Masked contributions alone: four bytes a coordinate, whatever they hold.',
    svg: draw(option),
  };
}

function base(names: readonly string[]): EChartsOption {
  return {
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: 'DejaVu Sans, system-ui, Helvetica, Arial, sans-serif' },
    legend: {
      data: [...names],
      ...{
        orient: 'vertical',
        top: 'middle',
        left: size.width - legendWidth,
        itemWidth: 18,
        itemHeight: 8,
        itemGap: 8,
      },
      textStyle: { fontSize: 11, color: '#3d464d' },
    },
    grid: { left: 62, right: names.length > 0 ? legendWidth + 20 : 24, top: 16, bottom: 52 },
  };
}

function axis(name: string, more: object) {
  return {
    type: 'value' as const,
    name,
    nameLocation: 'middle' as const,
    nameGap: 34,
    nameTextStyle: { color: '#3d464d' },
    axisLabel: { color: '#3d464d', hideOverlap: true },
    splitLine: { lineStyle: { color: '#eceff1' } },
    ...more,
  };
}

function draw(option: EChartsOption): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, ...size });
  try {
    chart.setOption(option);
    return chart.renderToSVGString();
  } finally {
    // The library keeps every chart that is not disposed of, with its timers.
    chart.dispose();
  }
}
