/** A reproduction as a page: the claim and every seed of it, and where there are scores, all that a study shows. */

import type { ShownRun } from '../scenarios/scenario.ts';
import { recordOf, type StudyRecord } from '../study/record.ts';
import { summarize } from '../study/run-study.ts';
import { chartsOf, learningChart } from './charts.ts';
import { htmlReport, type ReportHead } from './html-report.ts';

export function reproductionPage(head: ReportHead, runs: readonly ShownRun[]): string {
  const records = runs.flatMap((run): StudyRecord[] => {
    if (!('outcome' in run)) return [];
    const { about, seed, outcome, judged } = run;
    return [recordOf({ study: head.title, seed, seconds: 0 }, about, outcome, judged)];
  });
  const summaries = summarize(records);
  const bare = bareCurves(runs);
  return htmlReport(head, summaries, [...chartsOf(summaries), ...(bare === undefined ? [] : [bare])]);
}

/** Of runs that have no scores to draw. */
function bareCurves(runs: readonly ShownRun[]) {
  const bare = runs.filter((run) => 'curve' in run);
  const names = [...new Set(bare.map(({ about }) => about.title))];
  const methods = names.map((name) => ({
    name,
    curves: bare.filter(({ about }) => about.title === name).map(({ curve }) => curve),
  }));
  return bare[0] && learningChart(bare[0].figure, methods);
}
