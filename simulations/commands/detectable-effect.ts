/** `lab detectable-effect`: what an experiment could find at all, to be known before anybody is treated differently. */

import { ChoraleError } from '@chorale/shared';
import { detectableEffect } from '@chorale/shared/algorithms';
import { type Command, Option } from 'commander';
import type { LabOutput } from './command.ts';
import { decimal, wholeNumber } from './privacy-options.ts';

type Options = {
  readonly control: number;
  readonly treatment: number;
  readonly baseRate?: number;
  readonly standardDeviation?: number;
  readonly correlation: number;
  readonly alpha: number;
  readonly power: number;
  readonly json?: true;
};

export function addDetectableEffectCommand(lab: Command, output: LabOutput): void {
  lab
    .command('detectable-effect')
    .description('The least difference between two arms that an experiment would find, before it starts.')
    .requiredOption('--control <people>', 'people who are treated as before', wholeNumber)
    .requiredOption('--treatment <people>', 'people who are treated in the new way', wholeNumber)
    .addOption(
      new Option('--base-rate <share>', 'how many act without the treatment, where the outcome is whether one acts')
        .argParser(decimal)
        .conflicts('standardDeviation'),
    )
    .option('--standard-deviation <size>', 'of one person’s outcome, where that is a number such as spend', decimal)
    .option('--correlation <size>', 'between the outcome and the same measured before (CUPED)', decimal, 0)
    .option('--alpha <probability>', 'chance of a false alarm', decimal, 0.05)
    .option('--power <probability>', 'chance to find an effect of that size', decimal, 0.8)
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample: lab detectable-effect --control 5000 --treatment 5000 --base-rate .11 --json')
    .action((options: Options) => {
      const report = reportOf(options);
      output.result(options.json ? JSON.stringify(report) : textOf(report));
    });
}

function reportOf(options: Options) {
  const { control, treatment, baseRate, correlation, alpha, power } = options;
  const standardDeviation = standardDeviationOf(options);
  demand(control >= 2 && treatment >= 2, 'control and treatment: at least 2 people each');
  demand(correlation < 1, 'correlation: below 1');
  demand(alpha > 0 && alpha <= 0.5, 'alpha: above 0, at most 0.5');
  demand(power >= 0.5 && power < 1, 'power: at least 0.5, below 1');
  const asked = { standardDeviation, correlation, alpha, power };
  const effect = detectableEffect({ people: [control, treatment], ...asked });
  // Where outcomes are rates, also as a share of what they are without the treatment.
  const relative = baseRate === undefined ? {} : { relative: effect / baseRate, baseRate };
  return { effect, ...relative, control, treatment, ...asked };
}

function standardDeviationOf({ baseRate, standardDeviation }: Options): number {
  if (baseRate !== undefined) {
    demand(baseRate > 0 && baseRate < 1, 'base-rate: above 0 and below 1');
    return Math.sqrt(baseRate * (1 - baseRate));
  }
  demand(standardDeviation !== undefined, 'one of --base-rate and --standard-deviation is needed');
  demand(standardDeviation > 0, 'standard-deviation: above 0');
  return standardDeviation;
}

function textOf({ effect, control, treatment, alpha, power, ...of }: ReturnType<typeof reportOf>): string {
  const { relative, baseRate, correlation, standardDeviation } = of;
  const before = correlation > 0 ? `; it correlates by ${correlation} with what was known before` : '';
  return [
    `an effect of ${rounded(effect)} is found with probability ${power}, one of half the size with four times the people`,
    '',
    `  ${control} people as before, ${treatment} treated; a false alarm with probability ${alpha}, at one look`,
    relative === undefined
      ? `  One person's outcome spreads by ${standardDeviation}${before}.`
      : `  That is ${rounded(100 * relative)} % of a base rate of ${baseRate}${before}.`,
  ].join('\n');
}

function rounded(value: number): string {
  return `${Number(value.toPrecision(3))}`;
}

function demand(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new ChoraleError('invalid-input', otherwise);
}
