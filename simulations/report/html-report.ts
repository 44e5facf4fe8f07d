/** A study as one HTML page that needs nothing else: no script, no font, no network. */

import type { StudyRecord } from '../study/record.ts';
import type { MethodSummary } from '../study/run-study.ts';
import { type Chart, chartsOf } from './charts.ts';

export type ReportHead = {
  readonly title: string;
  /** What was studied, in short lines. */
  readonly facts: readonly string[];
  /** Shown above everything, such as that nobody in the data exists. */
  readonly warning?: string | undefined;
  /** The command that makes it again. */
  readonly command: string;
};

export function htmlReport(
  head: ReportHead,
  summaries: readonly MethodSummary[],
  charts: readonly Chart[] = chartsOf(summaries),
): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(head.title)}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${escaped(head.title)}</h1>
${head.warning === undefined ? '' : `<p class="warning">${escaped(head.warning)}</p>`}
<ul class="facts">${head.facts.map((fact) => `<li>${escaped(fact)}</li>`).join('')}</ul>
${summaries.length > 0 ? comparisonOf(summaries) : ''}
<div class="charts">${charts.map(figureOf).join('\n')}</div>
<p class="hint">Made by <code>${escaped(head.command)}</code>.</p>
</main>
</body>
</html>
`;
}

function comparisonOf(summaries: readonly MethodSummary[]): string {
  return `<h2>Comparison</h2>
${tableOf(summaries)}
<p class="hint">${sternerHint(summaries[0]?.record.figures ?? {})}</p>
<p class="hint">Of each method the run with the median AUC. The interval (95 %) comes from drawing customers again; where there were several seeds, their range stands below the AUC. Lift is that of the best-scored tenth. Accuracy is left out: saying "no" to everybody is right for ${percent(summaries[0]?.record.figures.majorityAccuracy)} of the rows.</p>`;
}

function sternerHint({ rows, rowsEmbargoChanges, rowsUnseen, customersUnseen }: StudyRecord['figures']): string {
  const embargo =
    rowsEmbargoChanges === undefined
      ? 'hours are not known here'
      : `of the ${rows} test rows ${rowsEmbargoChanges} are others then`;
  const unseen = rowsUnseen === undefined ? '' : `: ${rowsUnseen} rows of ${customersUnseen} customers`;
  return `"An hour before" is the AUC where rows know nothing of the last hour before their cut: ${embargo}. "Unseen" is that of customers without any training row${unseen}.`;
}

function tableOf(summaries: readonly MethodSummary[]): string {
  const rows = summaries.map(({ record, aucs }) => {
    const { figures, interval95, kind, epsilon, cost } = record;
    const range = aucs.length > 1 ? `<br><small>${decimals(aucs[0])}–${decimals(aucs.at(-1))}</small>` : '';
    const cells = [
      `<th scope="row">${escaped(record.title)}<br><small>${kind === 'baseline' ? 'baseline' : 'secure sums'}</small></th>`,
      `<td class="auc">${decimals(figures.auc)}${range}</td>`,
      `<td>${decimals(interval95.low)}–${decimals(interval95.high)}${barOf(figures.auc, interval95)}</td>`,
      `<td>${decimals(figures.aucEmbargoed)}</td>`,
      `<td>${decimals(figures.aucUnseen)}</td>`,
      `<td>${decimals(figures.prAuc)}</td>`,
      `<td>${decimals(figures.logLoss)}<br><small>base ${decimals(figures.baseRateLogLoss)}</small></td>`,
      `<td>${decimals(figures.calibration, 2)}</td>`,
      `<td>${decimals(figures.liftAtTenth, 2)}</td>`,
      `<td>${epsilon === undefined ? '–' : decimals(epsilon, 2)}</td>`,
      `<td>${cost === undefined ? '–' : `${cost.rounds}<br><small>${kilobytes(cost.uploadBytes)} each</small>`}</td>`,
    ];
    return `<tr class="${kind}">${cells.join('')}</tr>`;
  });
  const heads = [
    '',
    'AUC',
    '95 % interval',
    'an hour before',
    'unseen',
    'PR-AUC',
    'log loss',
    'calibration',
    'lift',
    'ε',
    'rounds',
  ];
  return `<div class="wide"><table><thead><tr>${heads.map((one) => `<th scope="col">${one}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

/** Where the interval lies between 0.5 and 1. */
function barOf(auc: number | undefined, { low, high }: { low: number; high: number }): string {
  const place = (value: number) => Math.max(0, Math.min(100, (value - 0.5) * 200));
  const left = place(low).toFixed(1);
  const width = (place(high) - place(low)).toFixed(1);
  return `<div class="bar"><i style="left:${left}%;width:${width}%"></i><b style="left:${place(auc ?? 0.5).toFixed(1)}%"></b></div>`;
}

function figureOf({ title, hint, svg }: Chart): string {
  return `<figure><figcaption><strong>${escaped(title)}</strong><br>${escaped(hint)}</figcaption>${svg}</figure>`;
}

function decimals(value: number | undefined, digits = 4): string {
  return value === undefined || !Number.isFinite(value) ? '–' : value.toFixed(digits);
}

function percent(value: number | undefined): string {
  return value === undefined ? '–' : `${(100 * value).toFixed(1)} %`;
}

function kilobytes(bytes: number): string {
  return bytes < 1000 ? `${bytes} B` : `${(bytes / 1000).toFixed(1)} kB`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

const style = `
:root { color-scheme: light; }
body { margin: 0; background: #f5f7f9; color: #1d2429; font: 15px/1.5 system-ui, Helvetica, Arial, sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 28px 24px 48px; }
h1 { font-size: 26px; margin: 0 0 8px; } h2 { font-size: 18px; margin: 24px 0 8px; }
.facts { margin: 0; padding: 0; list-style: none; display: flex; flex-wrap: wrap; gap: 6px 10px; }
.facts li { background: #fff; border: 1px solid #dfe5e9; border-radius: 999px; padding: 2px 12px; font-size: 13px; }
.warning { background: #fff4d6; border: 1px solid #e2b93b; border-radius: 8px; padding: 8px 14px; }
.wide { overflow-x: auto; background: #fff; border: 1px solid #dfe5e9; border-radius: 10px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 8px 12px; text-align: right; border-top: 1px solid #eef1f3; vertical-align: top; }
thead th { border-top: 0; font-size: 12px; color: #5c6770; font-weight: 600; white-space: nowrap; }
tbody th { text-align: left; font-weight: 600; }
tr.baseline th, tr.baseline td { color: #5c6770; font-weight: 400; }
td.auc { font-weight: 700; }
small { color: #7b868e; font-weight: 400; }
.bar { position: relative; height: 6px; min-width: 110px; margin-top: 6px; background: #eef1f3; border-radius: 3px; }
.bar i { position: absolute; height: 6px; background: #9dbcf7; border-radius: 3px; }
.bar b { position: absolute; width: 3px; height: 10px; top: -2px; margin-left: -1px; background: #2f6fed; border-radius: 2px; }
.hint { color: #5c6770; font-size: 13px; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(460px, 100%), 1fr)); gap: 18px; margin-top: 20px; }
figure { margin: 0; padding: 14px; background: #fff; border: 1px solid #dfe5e9; border-radius: 10px; }
figcaption { font-size: 13px; color: #5c6770; margin-bottom: 8px; } figcaption strong { color: #1d2429; font-size: 15px; }
figure svg { width: 100%; height: auto; display: block; }
code { font-size: 12px; overflow-wrap: anywhere; }
`;
