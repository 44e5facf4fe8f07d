/** `lab simulate`: whole worlds, and what they must keep whatever befalls them. */

import { ChoraleError } from '@chorale/shared';
import { systemClock } from '@chorale/shared/adapters/node';
import type { Command } from 'commander';
import { appendResult } from '../adapters/results-file.ts';
import { playSeeds } from '../faults/many.ts';
import type { SeedReport } from '../faults/play.ts';
import { Summary } from '../faults/summary.ts';
import { createProgress, type Progress } from '../report/progress.ts';
import type { LabOutput } from './command.ts';
import { wholeNumber } from './privacy-options.ts';
import { addDataSimulation } from './simulate-data.ts';

type Options = {
  readonly seeds: number;
  readonly firstSeed: number;
  readonly seed?: number;
  readonly workers: number;
  readonly trace?: true;
  readonly write?: true;
  readonly json?: true;
};

export function addSimulateCommand(lab: Command, output: LabOutput): void {
  const simulate = lab
    .command('simulate')
    .description("One's own data through the fast simulator, or whole worlds on virtual time.");
  addDataSimulation(simulate, output);
  simulate
    .command('faults')
    .description(
      'Storms of faults, in which no law of safety may break, then calm, in which rounds must commit. ' +
        'Exits with 1 at the first seed that fails, and tells what happened in it.',
    )
    .option('--seeds <count>', 'how many', wholeNumber, 1000)
    .option('--first-seed <number>', 'they are numbered from here', wholeNumber, 1)
    .option('--seed <number>', 'this one only, as it happened before', wholeNumber)
    .option('--workers <count>', 'threads', wholeNumber, 2)
    .option('--trace', 'tell all that happens, on stderr; one thread')
    .option('--write', 'add the figures to simulations/RESULTS.md')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExamples: lab simulate faults --seeds 1000 --json\n          lab simulate faults --seed 17 --trace',
    )
    .action((options: Options) => simulateFaults(options, output));
}

async function simulateFaults(options: Options, output: LabOutput): Promise<void> {
  const { seed, trace, json } = options;
  const [firstSeed, seeds] = seed === undefined ? [options.firstSeed, options.seeds] : [seed, 1];
  if (seeds < 1 || options.workers < 1) throw new ChoraleError('invalid-input', 'it takes a seed and a thread');
  const clock = systemClock();
  const startedAt = clock.now();
  const summary = new Summary();
  const progress = createProgress(process.stderr);
  progress.begin('seeds', seeds);
  const failed = await playSeeds({
    ...{ firstSeed, seeds, workers: trace ? 1 : options.workers },
    onReport: (report) => note(report, summary, progress),
    ...(trace ? { onLine: output.notice } : {}),
  });
  progress.end();
  const seconds = (clock.now() - startedAt) / 1000;
  const found = { name: 'faults', firstSeed, ...summary.figures, failedSeed: failed?.seed ?? null, seconds };
  output.result(json ? JSON.stringify(found) : summary.sentence);
  const command = `npm run lab -- simulate faults --seeds ${seeds} --first-seed ${firstSeed} --workers ${options.workers}`;
  const played = `${firstSeed}–${firstSeed + seeds - 1}`;
  if (failed !== undefined) tell(failed, output);
  if (options.write) await appendResult({ result: `faults: ${summary.sentence}`, command, seeds: played, seconds });
  if (failed !== undefined) throw new Error(`seed ${failed.seed} broke a law: ${failed.failure?.law}`);
}

function note(report: SeedReport, summary: Summary, progress: Progress): void {
  summary.add(report);
  progress.advance(summary.figures.seeds, `${summary.figures.failed} failed`);
}

function tell({ seed, failure, digest }: SeedReport, output: LabOutput): void {
  const { law = '', what = '', account = [] } = failure ?? {};
  output.notice(['', `The last that happened in seed ${seed} (${digest}):`, ...account].join('\n'));
  output.notice(`\n${law}: ${what}\nThe same again: npm run lab -- simulate faults --seed ${seed} --trace`);
}
