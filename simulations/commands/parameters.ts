/** `lab parameters`: how dense a cohort's graph must be, how many must agree, and what a round of cohorts assumes. */

import {
  assumedCorrupt,
  chooseParameters,
  mostCorruptInRound,
  type ParameterRequest,
  type Parameters,
} from '@chorale/shared/secagg';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { LabOutput } from './command.ts';

type Options = {
  readonly devices: number;
  readonly cohorts: number;
  /** In basis points. */
  readonly corrupt: number;
  readonly dropout: number;
  readonly sigma: number;
  readonly eta: number;
  readonly json?: true;
};

export function addParametersCommand(lab: Command, output: LabOutput): void {
  lab
    .command('parameters')
    .description('Choose the secure aggregation parameters of a cohort, from exact hypergeometric tails.')
    .requiredOption('--devices <count>', 'devices in the cohort', wholeNumber)
    .option('--cohorts <count>', 'cohorts of so many devices in one round', wholeNumber, 1)
    .addOption(shareOption('--corrupt <share>', 'devices assumed to collude with the coordinator', 0.1))
    .addOption(shareOption('--dropout <share>', 'devices that may leave during the round', 0.3))
    .option('--sigma <bits>', 'privacy fails with probability 2^-bits at most', wholeNumber, 80)
    .option('--eta <bits>', 'tolerated dropouts cost the round with probability about 2^-bits', wholeNumber, 30)
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample: lab parameters --devices 256 --cohorts 40 --corrupt .1 --dropout .3 --json')
    .action((options: Options) => {
      const request = requestOf(options);
      const parameters = chooseParameters(request);
      const round = roundOf(options);
      output.result(
        options.json ? JSON.stringify(reportOf(request, parameters, round)) : tableOf(request, parameters, round),
      );
    });
}

function requestOf({ devices, corrupt, dropout, sigma, eta }: Options): ParameterRequest {
  return { devices, corruptBasisPoints: corrupt, dropoutBasisPoints: dropout, sigma, eta };
}

/** The whole round, and how many corrupt devices it may hold. */
type Round = { readonly cohorts: number; readonly roundDevices: number; readonly mostCorruptInRound: number };

function roundOf({ devices, cohorts, corrupt, sigma }: Options): Round {
  const roundDevices = devices * cohorts;
  if (cohorts === 1) return { cohorts, roundDevices, mostCorruptInRound: assumedCorrupt(devices, corrupt) };
  const request = { roundDevices, cohortCount: cohorts, corruptBasisPoints: corrupt, sigma };
  return { cohorts, roundDevices, mostCorruptInRound: mostCorruptInRound(request) };
}

function reportOf(
  { devices, corruptBasisPoints, dropoutBasisPoints, sigma, eta }: ParameterRequest,
  chosen: Parameters,
  round: Round,
) {
  return {
    devices,
    corrupt: corruptBasisPoints / 10_000,
    dropout: dropoutBasisPoints / 10_000,
    sigma,
    eta,
    corruptDevices: chosen.corrupt,
    dropoutDevices: chosen.dropouts,
    complete: chosen.isComplete,
    neighbours: chosen.neighbours,
    leastThreshold: chosen.leastThreshold,
    threshold: chosen.threshold,
    windowSurvivors: chosen.windowSurvivors,
    greatestThreshold: chosen.greatestThreshold,
    committee: chosen.committee,
    committeeThreshold: chosen.committeeThreshold,
    minSurvivors: chosen.minSurvivors,
    ...round,
  };
}

function tableOf({ devices, sigma, eta }: ParameterRequest, chosen: Parameters, round: Round): string {
  const heading = `${devices} devices, of whom ${chosen.corrupt} may be corrupt and ${chosen.dropouts} may drop out; σ = ${sigma}, η = ${eta}`;
  const lines = [...meanings(chosen), ...roundMeanings(round)].map(
    ([name, value, meaning]) => `  ${name.padEnd(20)}${String(value).padStart(6)}   ${meaning}`,
  );
  return [heading, '', ...lines].join('\n');
}

function meanings(chosen: Parameters): readonly (readonly [name: string, value: number, meaning: string])[] {
  const { neighbours, isComplete } = chosen;
  return [
    [
      'neighbours',
      neighbours,
      isComplete
        ? 'Every device masks with every other.'
        : `Each device masks with its nearest on the ring, ${neighbours / 2} on either side.`,
    ],
    ['threshold', chosen.threshold, "Shares that open a device's secret."],
    ['leastThreshold', chosen.leastThreshold, 'With fewer, corrupt neighbours alone might open one.'],
    ['greatestThreshold', chosen.greatestThreshold, 'With more, the surviving neighbours might not suffice.'],
    [
      'windowSurvivors',
      chosen.windowSurvivors,
      isComplete
        ? 'No windows to watch: dropouts cannot cut a complete graph.'
        : `Survivors that any ${neighbours / 2} places in a row must hold, or devices reveal nothing.`,
    ],
    ['committee', chosen.committee, 'Devices drawn by hash to certify who survived.'],
    ['committeeThreshold', chosen.committeeThreshold, 'Signatures that only one survivor set can get.'],
    [
      'minSurvivors',
      chosen.minSurvivors,
      `Devices in the sum at the least, ${chosen.minSurvivors - chosen.corrupt} of them honest.`,
    ],
  ];
}

function roundMeanings({ cohorts, roundDevices, mostCorruptInRound: most }: Round) {
  if (cohorts === 1) return [];
  const share = ((100 * most) / roundDevices).toFixed(2);
  const meaning = `Corrupt devices that a round of ${cohorts} such cohorts may hold in all, ${share} % of ${roundDevices}: an assumption.`;
  return [['mostCorruptInRound', most, meaning] as const];
}

/** A share of the cohort, kept in basis points so that ⌊share · devices⌋ never meets a rounded float. */
function shareOption(flags: string, description: string, share: number): Option {
  return new Option(flags, `share of ${description}`).argParser(basisPoints).default(share * 10_000, String(share));
}

function basisPoints(text: string): number {
  if (!/^0?\.\d{1,4}$|^0$/.test(text))
    throw new InvalidArgumentError('A share is 0 or a fraction of 1 such as .1, with up to four digits.');
  return Math.round(Number(text) * 10_000);
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
