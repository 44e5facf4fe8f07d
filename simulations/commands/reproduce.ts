/** `lab reproduce`: published figures, reached again from the data. */

import { ChoraleError } from '@chorale/shared';
import { systemClock } from '@chorale/shared/adapters/node';
import { Argument, type Command } from 'commander';
import { writePage } from '../adapters/report-files.ts';
import { appendResult } from '../adapters/results-file.ts';
import { dataDirectory } from '../config.ts';
import { figureWords } from '../report/figure-words.ts';
import type { ReportHead } from '../report/html-report.ts';
import { createProgress } from '../report/progress.ts';
import { reproductionPage } from '../report/reproduction-page.ts';
import {
  type Claim,
  missOf,
  type Scenario,
  type ScenarioReport,
  type ShownRun,
  scenarios,
  wordsOf,
} from '../scenarios/index.ts';
import type { LabOutput } from './command.ts';
import { wholeNumber } from './privacy-options.ts';

type Options = {
  readonly only?: readonly string[];
  readonly seeds?: number;
  readonly workers: number;
  readonly long?: true;
  readonly write?: true;
  readonly report?: string;
  readonly json?: true;
};

const everything = 'all';

export function addReproduceCommand(lab: Command, output: LabOutput): void {
  const names = scenarios.map(
    ({ name, dataset, title, isLong }) => `  ${dataset} --only ${name}: ${title}${isLong ? ' (hours)' : ''}`,
  );
  const datasets = [...new Set(scenarios.map((one) => one.dataset)), everything];
  lab
    .command('reproduce')
    .description('Reach published figures again, on real data. Exits with 1 where a claim is not reached.')
    .addArgument(new Argument('<dataset>', 'whose figures').choices(datasets))
    .option('--only <names...>', 'some figures; all unless said')
    .option(
      '--seeds <count>',
      'runs, of which the median counts; as many as the claim is about unless said',
      wholeNumber,
    )
    .option(
      '--workers <count>',
      'threads that play devices, where a figure can use them: the figures stay the same',
      wholeNumber,
      0,
    )
    .option('--long', 'also the figures that take hours')
    .option('--write', 'add the figures to simulations/RESULTS.md')
    .option('--report <file>', 'draw one figure as an HTML page that stands alone: curves, intervals, baselines')
    .option('--json', 'print one JSON object per figure')
    .addHelpText(
      'after',
      `\nFigures:\n${names.join('\n')}\n\nExample: lab reproduce online-retail --only dp --json\n         lab reproduce all --write`,
    )
    .action(async (name: string, options: Options) => {
      const missed: string[] = [];
      const chosen = choose(name, options);
      if (options.report !== undefined && chosen.length !== 1)
        throw new ChoraleError(
          'invalid-input',
          `--report shows one figure, and these are ${chosen.length}: say --only`,
        );
      for (const scenario of chosen) {
        const miss = await reproduce(scenario, options, output);
        if (miss !== undefined) missed.push(miss);
      }
      // The figures that were reached are printed, and written, before the command fails for those that were not.
      if (missed.length > 0) throw new Error(missed.join('\n'));
    });
}

function choose(dataset: string, { only, long }: Options): readonly Scenario[] {
  const known = scenarios.filter((scenario) => dataset === everything || scenario.dataset === dataset);
  const unknown = only?.find((name) => known.every((scenario) => scenario.name !== name));
  if (unknown !== undefined) {
    const names = [...new Set(known.map(({ name }) => name))];
    throw new ChoraleError('invalid-input', `${unknown} is none of ${names.join(', ')}`);
  }
  if (only !== undefined) return known.filter(({ name }) => only.includes(name));
  return known.filter(({ isLong }) => !isLong || long);
}

/** @returns what the claim misses, in words; undefined where it is upheld or too few seeds were run to judge it */
async function reproduce(scenario: Scenario, options: Options, output: LabOutput): Promise<string | undefined> {
  const { seeds = scenario.seeds, workers } = options;
  if (seeds < 1) throw new ChoraleError('invalid-input', 'a figure takes at least one seed');
  const { origin, run } = await scenario.prepare({ directory: dataDirectory() });
  output.notice(`${origin}, ${scenario.name}`);
  const clock = systemClock();
  const startedAt = clock.now();
  const runs: ShownRun[] = [];
  const onRun = options.report === undefined ? undefined : (one: ShownRun) => void runs.push(one);
  const report = await run({ seeds, workers, progress: createProgress(process.stderr), onRun });
  const seconds = (clock.now() - startedAt) / 1000;
  if (options.report !== undefined) {
    await writePage(options.report, reproductionPage(headOf(scenario, report, origin, options), runs));
    output.notice(`${options.report} shows it all.`);
  }
  output.result(options.json ? JSON.stringify({ ...report, seconds }) : textOf(scenario, report));
  if (options.write) await appendResult({ ...rowOf(scenario, report, options), seconds });
  // One seed may miss what the median of several reaches.
  return seeds >= scenario.seeds ? missOf(scenario.claim, report) : undefined;
}

function rowOf(scenario: Scenario, report: ScenarioReport, typed: Typed) {
  const result = `${report.name}: ${figuresOf(scenario.claim, report).join(', ')}`;
  return { result, command: commandOf(scenario, report, typed), seeds: `1–${report.seeds}` };
}

type Typed = Pick<Options, 'workers' | 'long'>;

/** Of this figure alone, with everything else as it was typed. */
export function commandOf(
  { name, dataset }: Pick<Scenario, 'name' | 'dataset'>,
  { seeds }: Pick<ScenarioReport, 'seeds'>,
  { workers, long }: Typed,
): string {
  const flags = [`--seeds ${seeds}`, ...(workers > 0 ? [`--workers ${workers}`] : []), ...(long ? ['--long'] : [])];
  return `npm run lab -- reproduce ${dataset} --only ${name} ${flags.join(' ')}`;
}

export function headOf(scenario: Scenario, report: ScenarioReport, origin: string, typed: Typed): ReportHead {
  const { claim, seeds, title } = scenario;
  const miss = missOf(claim, report);
  const verdict = report.seeds < seeds ? `judged over ${seeds} seeds` : miss === undefined ? 'reached' : 'missed';
  const figures = figuresOf(claim, report, figureWords);
  const facts = [`claim: ${figureWords(claim.figure)} ${wordsOf(claim)}, ${verdict}`, ...figures, origin];
  return { title: `${report.name}: ${title}`, facts, command: `${commandOf(scenario, report, typed)} --report FILE` };
}

function textOf({ title, claim }: Scenario, report: ScenarioReport): string {
  const lines = [`${report.name}: ${title}`, '', ...figuresOf(claim, report).map((figure) => `  ${figure}`)];
  return [...lines, '', `  The claim is ${claim.figure} ${wordsOf(claim)}.`].join('\n');
}

/** Numbers as they are, to four decimals; what a reader of one line does not need is left to `--json`. */
function figuresOf(
  { figure }: Claim,
  { name: _, perSeed, ...figures }: ScenarioReport,
  nameOf = (key: string) => key,
): string[] {
  const numbers = Object.entries(figures).flatMap(([key, value]) => {
    if (typeof value === 'number') return [`${nameOf(key)} ${Number(value.toPrecision(4))}`];
    if (isInterval(value)) return [`${nameOf(key)} ${value.low.toFixed(4)}–${value.high.toFixed(4)}`];
    return [];
  });
  const each = perSeed
    .map((one) => one[figure])
    .map((value) => (Number.isInteger(value) ? value : Number(value).toFixed(4)));
  return [...numbers, `per seed ${each.join(' ')}`];
}

function isInterval(value: unknown): value is { low: number; high: number } {
  return typeof value === 'object' && value !== null && 'low' in value && 'high' in value;
}
