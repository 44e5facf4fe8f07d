/** `lab epsilon`: what is lost by then. */

import { type AccountantName, epsilonBy, type Process, rhoOf } from '@chorale/shared/privacy';
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

type Options = Process & { readonly delta: number; readonly accountant: AccountantName; readonly json?: true };

export function addEpsilonCommand(lab: Command, output: LabOutput): void {
  lab
    .command('epsilon')
    .description('How much privacy a device loses over many steps of Gaussian noise.')
    .addOption(samplingOption())
    .requiredOption('--noise-multiplier <ratio>', 'standard deviation of the noise ÷ sensitivity', positive)
    .requiredOption('--steps <count>', 'steps; at sampling rate 1, participations of one device', wholeNumber)
    .requiredOption(deltaFlag, deltaMeaning, probability)
    .addOption(accountantOption('pld'))
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample: lab epsilon --noise-multiplier 4 --steps 20 --delta 1e-5 --accountant zcdp --json',
    )
    .action((options: Options) => {
      const epsilon = epsilonBy(options.accountant, options, options.delta);
      output.result(options.json ? JSON.stringify(reportOf(epsilon, options)) : textOf(epsilon, options));
    });
}

function reportOf(epsilon: number, { accountant, samplingRate, noiseMultiplier, steps, delta }: Options) {
  const rho = accountant === 'zcdp' ? { rho: rhoOf(noiseMultiplier, steps) } : {};
  const note = samplingNote(accountant, samplingRate);
  return { epsilon, delta, accountant, samplingRate, noiseMultiplier, steps, ...rho, ...(note && { note }) };
}

const ways: Readonly<Record<AccountantName, string>> = {
  zcdp: 'Counted as zero-concentrated privacy, the way devices keep their ledgers.',
  rdp: 'Counted by Rényi divergences of fixed orders, so that it compares with other libraries.',
  pld: 'Counted by the whole distribution of the privacy loss; an upper bound, and a tight one.',
  gaussian: 'Counted exactly, for continuous Gaussian noise without sampling.',
};

function textOf(epsilon: number, { accountant, samplingRate, noiseMultiplier, steps, delta }: Options): string {
  const note = samplingNote(accountant, samplingRate);
  return [
    `epsilon ${roundedUp(epsilon)} at delta ${delta}`,
    '',
    `  ${steps} steps at sampling rate ${samplingRate} with noise multiplier ${noiseMultiplier}`,
    `  ${ways[accountant]}`,
    ...(note ? [`  ${note}`] : []),
  ].join('\n');
}

/** To four decimals, never to a smaller loss than there is. */
function roundedUp(epsilon: number): string {
  return (Math.ceil(epsilon * 10_000) / 10_000).toFixed(4);
}
