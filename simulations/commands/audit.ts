/** `lab audit`: attack models that were trained under a promise, and see what that proves about it. */

import { ChoraleError } from '@chorale/shared';
import { systemClock } from '@chorale/shared/adapters/node';
import { transactions1 } from '@chorale/shared/features';
import { type AuditClaim, auditClaim, noiseMultiplierFor } from '@chorale/shared/privacy';
import { type Command, Option } from 'commander';
import { appendResult } from '../adapters/results-file.ts';
import { type Audit, audit } from '../audit/audit.ts';
import { dataDirectory } from '../config.ts';
import type { Dataset } from '../datasets/dataset.ts';
import { type DataChoice, locateDataset } from '../datasets/locate.ts';
import { snapshotsOf, tasks } from '../datasets/tasks.ts';
import { createProgress } from '../report/progress.ts';
import type { LabOutput } from './command.ts';
import { positive, probability, wholeNumber } from './privacy-options.ts';

type Options = {
  readonly models: number;
  readonly epsilon: number;
  readonly delta: number;
  readonly participations: number;
  readonly people: number;
  readonly confidence: number;
  readonly seed: string;
  readonly data: DataChoice;
  readonly write?: true;
  readonly json?: true;
};

/** Guessing about a tenth, the attacker is right more often than about all, and often enough to prove it. */
const guessed = 0.1;

const method =
  'one-run auditing (Steinke, Nasr, Jagielski, NeurIPS 2023, Theorem 5.2) over independently trained models; canary ' +
  'devices in or out with probability 1/2; the attacker sees every model and knows everybody else’s rows';

export function addAuditCommand(lab: Command, output: LabOutput): void {
  lab
    .command('audit')
    .description(
      'Attack models trained under a promise: a lower bound on ε. Exits with 1 where the promise is refuted.',
    )
    .option('--models <count>', `models to train; each has ${transactions1.features.length} canaries`, wholeNumber, 200)
    .option('--epsilon <loss>', 'what is promised', positive, 1)
    .option('--delta <probability>', 'chance that the promise does not hold', probability, 1e-5)
    .option('--participations <count>', 'rounds of each model; every device takes part in all', wholeNumber, 18)
    .option('--people <count>', 'devices of real people beside the canaries', wholeNumber, 20)
    .option('--confidence <share>', 'with which an ε is refuted', probability, 0.95)
    .option('--seed <text>', 'decides canaries, people and noise', '1')
    .addOption(
      new Option('--data <name>', 'whose rows')
        .choices(['auto', 'online-retail', 'cdnow', 'synthetic'])
        .default('auto'),
    )
    .option('--write', 'add the figures to simulations/RESULTS.md')
    .option('--json', 'print one JSON object, as model cards may carry it')
    .addHelpText('after', '\nExample: lab audit --models 200 --epsilon 1 --json')
    .action(async (options: Options) => {
      const clock = systemClock();
      const startedAt = clock.now();
      const dataset = await locateDataset(options.data, { directory: dataDirectory(), isOffline: true });
      output.notice(dataset.origin);
      const claim = await runAudit(options, dataset);
      output.result(options.json ? JSON.stringify(claim) : textOf(claim));
      if (options.write) await appendResult({ ...rowOf(claim, options), seconds: (clock.now() - startedAt) / 1000 });
      if (claim.epsilonLowerBound > claim.epsilonAccounted)
        throw new Error('the promise is refuted: the attack proves a larger ε than was accounted for');
    });
}

async function runAudit(options: Options, dataset: Dataset): Promise<AuditClaim> {
  const { models, epsilon, delta, participations, people, confidence, seed } = options;
  if (models < 1 || !(confidence > 0 && confidence < 1))
    throw new ChoraleError('invalid-input', 'an audit takes a model and a confidence between 0 and 1');
  const promise = { unit: 'device-enrolment', epsilon, delta, participations } as const;
  const multiplier = noiseMultiplierFor({ mechanism: 'distributed', ...promise });
  const population = snapshotsOf(dataset, tasks[dataset.name]['purchase-7d'].train).filter(({ length }) => length > 0);
  const progress = createProgress(process.stderr);
  progress.begin('models', 2 * models);
  const run = (noise: Audit['multiplier'], before: number) =>
    audit({
      ...{ models, participations, delta, confidence, people, seed, population, guessed },
      ...{ multiplier: noise, schema: transactions1 },
      onModel: (done) => progress.advance(before + done, noise === undefined ? 'without noise' : 'with noise'),
    });
  const [noisy, quiet] = [await run(multiplier, 0), await run(undefined, models)];
  progress.end();
  return auditClaim.parse({
    ...{ name: 'canary-audit', method, unit: promise.unit, delta, participations, confidence, models, seed },
    epsilonAccounted: noisy.epsilonAccounted,
    noiseMultiplier: multiplier.numerator / multiplier.denominator,
    epsilonLowerBound: noisy.epsilonLowerBound,
    epsilonLowerBoundWithoutNoise: quiet.epsilonLowerBound,
    ...{ canaries: noisy.canaries, guesses: noisy.guesses, correct: noisy.correct, correctWithoutNoise: quiet.correct },
    cohort: transactions1.features.length + people,
    dataset: dataset.name,
  });
}

function rowOf(claim: AuditClaim, { models, epsilon, participations, people, seed, data }: Options) {
  const flags = `--models ${models} --epsilon ${epsilon} --participations ${participations} --people ${people}`;
  return {
    result: `canary audit on ${claim.dataset}: ${sentenceOf(claim)}`,
    command: `npm run lab -- audit ${flags} --data ${data} --seed ${seed}`,
    seeds: seed,
  };
}

function textOf(claim: AuditClaim): string {
  return [
    sentenceOf(claim),
    '',
    `  ${claim.canaries} canaries in ${claim.models} models of ${claim.cohort} devices, ${claim.participations} participations each.`,
    `  Method: ${claim.method}.`,
    '  An audit can refute a promise, never prove one.',
  ].join('\n');
}

function sentenceOf(claim: AuditClaim): string {
  const share = (correct: number) => `${correct} of ${claim.guesses} guesses right`;
  return (
    `ε ≥ ${claim.epsilonLowerBound.toFixed(3)} with ${100 * claim.confidence} % confidence (${share(claim.correct)}) ` +
    `where ${claim.epsilonAccounted.toFixed(4)} is accounted for at δ = ${claim.delta}; ` +
    `without noise ε ≥ ${claim.epsilonLowerBoundWithoutNoise.toFixed(3)} (${share(claim.correctWithoutNoise)})`
  );
}
