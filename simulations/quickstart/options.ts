/** The quickstart's flags, parsed once. */

import { Command, InvalidArgumentError, Option } from 'commander';
import type { DataChoice } from '../datasets/locate.ts';

export type QuickstartOptions = {
  readonly devices: number;
  readonly cohort: number;
  readonly rounds: number;
  readonly data: DataChoice;
  readonly seed: number;
  readonly keepOpen: boolean;
  readonly json: boolean;
};

/** The smallest training cohort that a device's own floor allows. */
const minCohort = 32;
const mostInCohort = 1024;
const leastDevices = 42;
const mostDevices = 4000;
const invitedPerPlace = 1.3;

/** Exits with 2 on wrong usage. */
export function parseOptions(arguments_: readonly string[]): QuickstartOptions {
  const program = new Command('quickstart')
    .description(
      'Trains a seven-day purchase model on real devices through secure aggregation: a coordinator process, many ' +
        'devices in worker threads, dropouts at every turn. Compares the result with a central model and checks ' +
        'that a secure sum was exact.',
    )
    .option(
      '--devices <count>',
      `devices, each with one customer’s history, ${leastDevices} to ${mostDevices}`,
      wholeNumber(leastDevices, mostDevices),
      300,
    )
    .option(
      '--cohort <count>',
      'devices summed together (default: min(100, devices / 1.3))',
      wholeNumber(minCohort, mostInCohort),
    )
    .option('--rounds <count>', 'training rounds', wholeNumber(1, 500), 12)
    .addOption(
      new Option('--data <name>', 'data set')
        .choices(['auto', 'online-retail', 'cdnow', 'synthetic', 'synthetic-visits'])
        .default('auto'),
    )
    .option('--seed <number>', 'chooses customers, cohorts and who leaves', wholeNumber(0, 2 ** 31 - 1), 1)
    .option('--keep-open', 'leave the coordinator and its status page up at the end', false)
    .option('--json', 'print one JSON object as the last line of stdout', false)
    .exitOverride((error) => {
      process.exit(error.exitCode === 0 ? 0 : 2);
    });
  program.parse([...arguments_], { from: 'user' });
  const options = program.opts<Omit<QuickstartOptions, 'cohort'> & { cohort?: number }>();
  const largest = largestCohort(options.devices);
  const cohort = options.cohort ?? Math.min(100, largest);
  if (cohort > largest)
    program.error(
      `error: a cohort of ${cohort} invites ${Math.ceil(cohort * invitedPerPlace)} devices; raise --devices.`,
    );
  return { ...options, cohort };
}

/** The coordinator invites more devices than a cohort has places. */
export function largestCohort(devices: number): number {
  return Math.min(mostInCohort, Math.floor(devices / invitedPerPlace));
}

function wholeNumber(least: number, greatest: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least || value > greatest)
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${greatest}.`);
    return value;
  };
}
