/** `lab attack poisoning`: devices that send what they like, against the rules by which cohorts are merged. */

import { ChoraleError } from '@chorale/shared';
import { systemClock } from '@chorale/shared/adapters/node';
import type { MergeRule } from '@chorale/shared/encoding';
import { type Command, Option } from 'commander';
import { appendResult } from '../adapters/results-file.ts';
import { groundOf } from '../attacks/poisoning/ground.ts';
import { type AttackName, attackNames } from '../attacks/poisoning/poisoners.ts';
import { factsOf, rowsOf, textOf } from '../attacks/poisoning/report.ts';
import { studyPoisoning, trialsOf } from '../attacks/poisoning/study.ts';
import { dataDirectory } from '../config.ts';
import { type DataChoice, locateDataset } from '../datasets/locate.ts';
import { createProgress } from '../report/progress.ts';
import type { LabOutput } from './command.ts';
import { decimal, wholeNumber } from './privacy-options.ts';

type Options = {
  readonly attacks: readonly AttackName[];
  readonly shares: readonly number[];
  readonly cohort: number;
  readonly cohorts: number;
  readonly trim: number;
  readonly rounds: number;
  readonly participations: number;
  readonly epsilon: number;
  readonly noise: 'with' | 'without' | 'both';
  readonly seeds: number;
  readonly data: DataChoice;
  readonly write?: true;
  readonly json?: true;
};

export function addPoisoning(attack: Command, output: LabOutput): void {
  attack
    .command('poisoning')
    .description('Train while some devices send what they like: how good the model is, and how often a backdoor opens.')
    .addOption(new Option('--attacks <names...>', 'some of them').choices(attackNames).default(attackNames))
    .option('--shares <list>', 'poisoners among all devices, beside none', shareList, [0.001, 0.01, 0.05, 0.1, 0.2])
    .option('--cohort <count>', 'devices of one cohort', wholeNumber, 33)
    .option('--cohorts <count>', 'cohorts of one round', wholeNumber, 30)
    .option('--trim <share>', 'cohorts that the trimmed mean leaves out at each end', decimal, 0.2)
    .option('--rounds <count>', 'of each training', wholeNumber, 12)
    .option('--participations <count>', 'of one device at most', wholeNumber, 5)
    .option('--epsilon <loss>', 'what the noise promises over all of them, at delta 1e-5', decimal, 1)
    .addOption(new Option('--noise <which>', 'models').choices(['with', 'without', 'both']).default('both'))
    .option('--seeds <count>', 'models of each kind, of which the median counts', wholeNumber, 1)
    .addOption(
      new Option('--data <name>', 'whose rows')
        .choices(['auto', 'online-retail', 'cdnow', 'synthetic'])
        .default('auto'),
    )
    .option('--write', 'add the figures to simulations/RESULTS.md')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample: lab attack poisoning --attacks scaled --shares .001,.01 --seeds 3')
    .action((options: Options) => runPoisoning(options, output));
}

async function runPoisoning(options: Options, output: LabOutput): Promise<void> {
  checkOptions(options);
  const clock = systemClock();
  const startedAt = clock.now();
  const dataset = await locateDataset(options.data, { directory: dataDirectory(), isOffline: true });
  output.notice(dataset.origin);
  const merges: readonly MergeRule[] = [
    { rule: 'sum' },
    { rule: 'trimmed-mean', trim: options.trim },
    { rule: 'median' },
  ];
  const noises = [false, true].filter((isNoisy) => options.noise !== (isNoisy ? 'without' : 'with'));
  const study = { ...options, merges, noises, ground: groundOf(dataset, options) };
  const progress = createProgress(process.stderr);
  progress.begin('models', trialsOf(study));
  const findings = await studyPoisoning({
    ...study,
    onTrial: (done, { attack, isNoisy }) =>
      progress.advance(done, `${attack ?? 'nobody attacks'}, ${isNoisy ? 'with' : 'without'} noise`),
  });
  progress.end();
  const seconds = (clock.now() - startedAt) / 1000;
  const report = { name: 'poisoning', dataset: dataset.name, ...factsOf(study), seconds, findings };
  output.result(options.json ? JSON.stringify(report) : textOf(report));
  if (!options.write) return;
  const command = commandOf(options);
  const seeds = `1–${options.seeds}`;
  await appendResult(...rowsOf(report).map((result) => ({ result, command, seeds, seconds })));
}

function checkOptions({ seeds, cohorts, cohort, rounds, trim, shares }: Options): void {
  if (seeds < 1 || rounds < 1) throw new ChoraleError('invalid-input', 'a study takes a seed and a round');
  if (cohorts < 5) throw new ChoraleError('invalid-input', 'cohorts: a robust rule takes five');
  if (cohort < 10) throw new ChoraleError('invalid-input', 'cohort: no device takes part in less than ten');
  if (!(trim > 0 && trim < 0.5)) throw new ChoraleError('invalid-input', 'trim: above 0 and below .5');
  if (shares.some((share) => !(share > 0 && share < 1)))
    throw new ChoraleError('invalid-input', 'shares: each above 0 and below 1');
}

/** As a reader would type it to get the same figures. */
function commandOf({
  attacks,
  shares,
  cohort,
  cohorts,
  trim,
  rounds,
  participations,
  epsilon,
  noise,
  seeds,
}: Options): string {
  const sizes = `--cohort ${cohort} --cohorts ${cohorts} --trim ${trim} --rounds ${rounds}`;
  const privacy = `--participations ${participations} --epsilon ${epsilon} --noise ${noise}`;
  const which = `--attacks ${attacks.join(' ')} --shares ${shares.join(',')}`;
  return `npm run lab -- attack poisoning ${which} ${sizes} ${privacy} --seeds ${seeds}`;
}

function shareList(text: string): readonly number[] {
  return text.split(',').map((part) => decimal(part.trim()));
}
