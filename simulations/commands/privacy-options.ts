/** What the two privacy calculators ask in common. */

import { type AccountantName, accountantNames, countsSampling } from '@chorale/shared/privacy';
import { InvalidArgumentError, Option } from 'commander';

export const deltaFlag = '--delta <probability>';
export const deltaMeaning = 'chance that the promise does not hold; far below one in the number of devices';

export function accountantOption(usual: AccountantName): Option {
  return new Option('--accountant <name>', 'how privacy loss is counted').choices(accountantNames).default(usual);
}

export function samplingOption(): Option {
  return new Option('--sampling-rate <share>', 'chance of a device to be drawn into a step')
    .argParser(decimal)
    .default(1);
}

/** What must not be overlooked about a sampling rate; undefined where devices take part for sure. */
export function samplingNote(accountant: AccountantName, samplingRate: number): string | undefined {
  if (samplingRate === 1) return undefined;
  return countsSampling(accountant)
    ? 'A sampling rate below 1 lowers epsilon only against those who do not know who took part. The coordinator knows its cohorts: against it there is no amplification, so count participations with --sampling-rate 1.'
    : `${accountant} counts every step as a participation and ignores the sampling rate. That holds against the coordinator too, for whom sampling gives no amplification.`;
}

export function decimal(text: string): number {
  if (!isDecimal(text)) throw new InvalidArgumentError('It must be a number such as .01 or 1e-5, and not negative.');
  return Number(text);
}

function isDecimal(text: string): boolean {
  return /^(\d+\.?\d*|\.\d+)(e-?\d{1,3})?$/i.test(text);
}

export function positive(text: string): number {
  return within(text, Number.MAX_VALUE, 'It must be a positive number such as .5 or 4.');
}

/** Neither never nor surely. */
export function probability(text: string): number {
  return within(text, 1, 'It must be a number between 0 and 1 such as .01 or 1e-5.');
}

function within(text: string, below: number, otherwise: string): number {
  const value = isDecimal(text) ? Number(text) : Number.NaN;
  if (!(value > 0 && value < below)) throw new InvalidArgumentError(otherwise);
  return value;
}

export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
