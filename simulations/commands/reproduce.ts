/** `lab reproduce`: published figures, reached again from the data. */

import { ChoraleError } from '@chorale/shared';
import { systemClock } from '@chorale/shared/adapters/node';
import { Argument, type Command } from 'commander';
import { appendResult } from '../adapters/results-file.ts';
import { dataDirectory } from '../config.ts';
import type { Dataset, DatasetName } from '../datasets/dataset.ts';
import { locateDataset } from '../datasets/locate.ts';
import { createProgress } from '../report/progress.ts';
import { type Scenario, type ScenarioReport, scenarios } from '../scenarios/index.ts';
import type { LabOutput } from './command.ts';
import { wholeNumber } from './privacy-options.ts';

type Options = {
  readonly only?: readonly string[];
  readonly seeds?: number;
  readonly write?: true;
  readonly json?: true;
};

export function addReproduceCommand(lab: Command, output: LabOutput): void {
  const names = scenarios.map(({ name, dataset, title }) => `  ${dataset} --only ${name}: ${title}`);
  lab
    .command('reproduce')
    .description('Reach published figures again, on real data. Exits with 1 where a claim is not reached.')
    .addArgument(new Argument('<dataset>', 'whose figures').choices([...new Set(scenarios.map((one) => one.dataset))]))
    .option('--only <names...>', 'some figures; all unless said')
    .option(
      '--seeds <count>',
      'runs, of which the median counts; as many as the claim is about unless said',
      wholeNumber,
    )
    .option('--write', 'add the figures to simulations/RESULTS.md')
    .option('--json', 'print one JSON object per figure')
    .addHelpText('after', `\nFigures:\n${names.join('\n')}\n\nExample: lab reproduce online-retail --only dp --json`)
    .action(async (name: DatasetName, options: Options) => {
      const chosen = choose(name, options);
      const dataset = await realDataset(name);
      output.notice(`${dataset.origin}: ${dataset.customers.length} customers`);
      for (const scenario of chosen) await reproduce(scenario, dataset, options, output);
    });
}

function choose(dataset: DatasetName, { only }: Options): readonly Scenario[] {
  const known = scenarios.filter((scenario) => scenario.dataset === dataset);
  const unknown = only?.find((name) => known.every((scenario) => scenario.name !== name));
  if (unknown !== undefined)
    throw new ChoraleError('invalid-input', `${unknown} is none of ${known.map(({ name }) => name).join(', ')}`);
  return only === undefined ? known : known.filter(({ name }) => only.includes(name));
}

/** Figures about real people are not reached on invented ones. */
async function realDataset(name: DatasetName): Promise<Dataset> {
  const dataset = await locateDataset(name, { directory: dataDirectory() });
  if (dataset.name !== name) throw new ChoraleError('not-found', `nothing to reproduce: ${dataset.origin}`);
  return dataset;
}

async function reproduce(scenario: Scenario, dataset: Dataset, options: Options, output: LabOutput): Promise<void> {
  const { seeds = scenario.seeds } = options;
  if (seeds < 1) throw new ChoraleError('invalid-input', 'a figure takes at least one seed');
  const clock = systemClock();
  const startedAt = clock.now();
  const report = await scenario.run({ dataset, seeds, progress: createProgress(process.stderr) });
  const seconds = (clock.now() - startedAt) / 1000;
  output.result(options.json ? JSON.stringify({ ...report, seconds }) : textOf(scenario, report));
  if (options.write) await appendResult({ ...rowOf(scenario, report), seconds });
  // One seed may fall below what the median of several reaches.
  if (seeds >= scenario.seeds && report.auc < scenario.leastAuc)
    throw new Error(`${report.name}: AUC ${report.auc.toFixed(4)} is below the claimed ${scenario.leastAuc}`);
}

function rowOf({ name, dataset }: Scenario, report: ScenarioReport) {
  const result = `${report.name}: ${figuresOf(report).join(', ')}`;
  const command = `npm run lab -- reproduce ${dataset} --only ${name} --seeds ${report.seeds}`;
  return { result, command, seeds: `1–${report.seeds}` };
}

function textOf({ title, leastAuc }: Scenario, report: ScenarioReport): string {
  const lines = [`${report.name}: ${title}`, '', ...figuresOf(report).map((figure) => `  ${figure}`)];
  return [...lines, '', `  The claim is an AUC of at least ${leastAuc}.`].join('\n');
}

/** Numbers as they are, to four decimals; what a reader of one line does not need is left to `--json`. */
function figuresOf({ name: _, perSeed, ...figures }: ScenarioReport): string[] {
  const numbers = Object.entries(figures).flatMap(([key, value]) => {
    if (typeof value === 'number') return [`${key} ${Number(value.toPrecision(4))}`];
    if (isInterval(value)) return [`${key} ${value.low.toFixed(4)}–${value.high.toFixed(4)}`];
    return [];
  });
  return [...numbers, `per seed ${perSeed.map(({ auc }) => auc.toFixed(4)).join(' ')}`];
}

function isInterval(value: unknown): value is { low: number; high: number } {
  return typeof value === 'object' && value !== null && 'low' in value && 'high' in value;
}
