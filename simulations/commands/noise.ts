/** `lab noise`: how much noise a promise needs. */

import { type AccountantName, leastNoiseMultiplier, rhoOf, roundUpMultiplier } from '@chorale/shared/privacy';
import type { Command } from 'commander';
import type { LabOutput } from './command.ts';
import {
  accountantOption,
  deltaFlag,
  deltaMeaning,
  positive,
  probability,
  samplingNote,
  samplingOption,
  wholeNumber,
} from './privacy-options.ts';

type Options = {
  readonly epsilon: number;
  readonly delta: number;
  readonly participations: number;
  readonly samplingRate: number;
  readonly accountant: AccountantName;
  readonly json?: true;
};

export function addNoiseCommand(lab: Command, output: LabOutput): void {
  lab
    .command('noise')
    .description('The least noise that keeps a promise to a device which takes part so many times.')
    .requiredOption('--epsilon <loss>', 'greatest privacy loss over all participations', positive)
    .requiredOption(deltaFlag, deltaMeaning, probability)
    .requiredOption('--participations <count>', 'how often one device takes part at most', wholeNumber)
    .addOption(samplingOption())
    .addOption(accountantOption('zcdp'))
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample: lab noise --epsilon 1 --delta 1e-5 --participations 37 --json')
    .action((options: Options) => {
      const report = reportOf(options);
      output.result(options.json ? JSON.stringify(report) : textOf(report));
    });
}

function reportOf({ epsilon, delta, participations, samplingRate, accountant }: Options) {
  const promised = { epsilon, delta, steps: participations, samplingRate };
  const noiseMultiplier = leastNoiseMultiplier(promised, accountant);
  const note = samplingNote(accountant, samplingRate);
  return {
    noiseMultiplier,
    /** Of all participations together, as devices count it. */
    rho: rhoOf(noiseMultiplier, participations),
    rhoPerParticipation: rhoOf(noiseMultiplier),
    plan: roundUpMultiplier(noiseMultiplier),
    epsilon,
    delta,
    participations,
    samplingRate,
    accountant,
    ...(note && { note }),
  };
}

function textOf({
  noiseMultiplier,
  rho,
  rhoPerParticipation,
  plan,
  note,
  ...asked
}: ReturnType<typeof reportOf>): string {
  const rows = [
    ['noise multiplier', plan.numerator / plan.denominator, 'Standard deviation of the noise in a sum ÷ sensitivity.'],
    ['rho', rounded(rho), 'Spent over all participations.'],
    ['rho each', rounded(rhoPerParticipation), 'Spent by each of them.'],
  ] as const;
  return [
    `for epsilon ${asked.epsilon} at delta ${asked.delta} over ${asked.participations} participations (${asked.accountant})`,
    '',
    ...rows.map(([name, value, meaning]) => `  ${name.padEnd(18)}${String(value).padStart(12)}   ${meaning}`),
    ...(note ? ['', `  ${note}`] : []),
  ].join('\n');
}

function rounded(value: number): string {
  return value.toPrecision(4);
}
