import { rocAuc, tableOfRows } from '@chorale/shared/algorithms';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Dataset } from '../datasets/dataset.ts';
import { endOfObservation } from '../datasets/tasks.ts';
import { syntheticCustomers } from '../population/synthetic.ts';
import { additive } from '../scenarios/purchase-additive.ts';
import type { ScenarioReport, ShownRun } from '../scenarios/scenario.ts';
import { createProgress } from './progress.ts';
import { reproductionPage } from './reproduction-page.ts';

const head = { title: 'A <figure>', facts: ['claim: AUC at least 0.5, reached'], command: 'lab reproduce' };
const seed = 'page';

const dataset: Dataset = {
  name: 'synthetic',
  origin: 'nobody',
  customers: syntheticCustomers({ seed, customers: 80 }),
  seenUntil: endOfObservation.synthetic,
};

/** A whole reproduction, but for the people, who are invented, and few. */
const runs: ShownRun[] = [];
let report: ScenarioReport;
let page: string;
beforeAll(async () => {
  const of = { dataset: 'online-retail', label: 'purchase-7d', leastAuc: 0.5 } as const;
  const scenario = additive({ ...of, setting: { devices: 70, rounds: 5 } });
  const progress = createProgress({ write: () => {} });
  report = await scenario.run({ dataset, seeds: 2, workers: 1, progress, onRun: (run) => void runs.push(run) });
  page = reproductionPage(head, runs);
}, 60_000);

describe('the page of a reproduction', () => {
  it('shows every seed of the model, the baselines, and every chart that a study has', () => {
    const shown = runs.map((run) => `${run.about.name} ${run.seed}`);
    expect(shown).toEqual([
      ...['additive 1', 'additive 2', 'central-boosting 1', 'central-logistic 1', 'local-only 1'],
      ...['own-rate 1', 'recency-only 1', 'base-rate 1'],
    ]);
    for (const title of ['Learning curves', 'ROC', 'Precision and recall', 'Calibration', 'Lift', 'Bytes'])
      expect(page, title).toContain(`<strong>${title}</strong>`);
    const [low, high] = report.perSeed.map(({ auc }) => Number(auc)).sort();
    expect(page).toContain(`<td class="auc">${low!.toFixed(4)}<br><small>${low!.toFixed(4)}–${high!.toFixed(4)}`);
    expect(page).toContain('Every device for itself');
    // Both curves, one of them as that of another seed.
    expect(learningChart(page).match(/<path[^>]*fill="none"[^>]*stroke="#2f6fed"/g)).toHaveLength(2);
    expect(page).toContain('thin lines are other seeds');
  });

  it('stands for a report that has the baselines, and the model where it has it harder', () => {
    const aucOf = (name: string) => {
      const run = runs.find(({ about }) => about.name === name)!;
      if (!('outcome' in run)) throw new Error('it has scores');
      return rocAuc(tableOfRows(run.outcome.scores, run.judged.test.labels));
    };
    expect(report).toMatchObject({
      ...{ aucCentral: aucOf('central-logistic'), aucCentralBoosting: aucOf('central-boosting') },
      ...{ aucLocalOnly: aucOf('local-only'), aucOwnRate: aucOf('own-rate'), aucRecency: aucOf('recency-only') },
      ...{ aucBaseRate: 0.5, logLossBaseRate: expect.closeTo(0.4, 0), majorityAccuracy: expect.closeTo(0.85, 0) },
      ...{ aucEmbargoed: expect.closeTo(Number(report.auc), 1), rowsUnseen: expect.any(Number) },
    });
    expect(aucOf('recency-only')).not.toBe(aucOf('own-rate'));
  });

  it('needs nothing else: no script, no font, no network; and text cannot become markup', () => {
    expect(page).not.toMatch(/<script|<link|src=|@import|url\(http/);
    expect(page).toContain('A &lt;figure&gt;');
  });

  it('of runs without scores shows how the figure went, and no table', () => {
    const about = { name: '2nn', title: '2NN, iid', kind: 'federated' } as const;
    const curve = [0.5, 0.9, 0.97].map((share, i) => [i + 1, share] as const);
    const page = reproductionPage(head, [
      { about, seed: 1, figure: 'share recognised', curve },
      { about, seed: 2, figure: 'share recognised', curve: curve.slice(0, 2) },
    ]);
    expect(page).toContain('share recognised on the test rows after each secure round; thin lines are other seeds.');
    expect(page).not.toContain('<table');
  });

  it('of a figure that has no curves shows the claim alone', () => {
    const page = reproductionPage(head, []);
    expect(page).toContain('claim: AUC at least 0.5, reached');
    expect(page).not.toMatch(/<table|<figure|<svg/);
  });
});

function learningChart(page: string): string {
  return page.slice(page.indexOf('<strong>Learning curves'), page.indexOf('<strong>ROC'));
}
