/**
 * Devices that want the model to be wrong, or wrong where they choose. They know each other, train on what rows they have
 * together, see their cohort's roster and encode what they like: clipping is done by the device, so it binds the honest.
 */

import { invariant } from '@chorale/shared';
import type { LabelledRow } from '@chorale/shared/algorithms';
import type { Adversary, Forgery } from '../../fast.ts';
import { type Trigger, triggered } from './trigger.ts';

export const attackNames = [
  'label-flipped',
  'sign-flipped',
  'backdoored',
  'scaled',
  'scaled-backdoor',
  'out-of-range',
] as const;
export type AttackName = (typeof attackNames)[number];

export type Poisoners = {
  readonly attack: AttackName;
  readonly devices: readonly (readonly LabelledRow[])[];
  /** Which of them are poisoners. */
  readonly coalition: readonly number[];
  readonly trigger: Trigger;
};

/** Rows of the coalition that one of them trains on at most; more of them point in the same direction. */
const pooledRows = 512;

export function createPoisoners({ attack, devices, coalition, trigger }: Poisoners): Adversary<LabelledRow> {
  const members = new Set(coalition);
  const pooled = coalition.flatMap((device) => devices[device]!).slice(0, pooledRows);
  const backdoored = (rows: readonly LabelledRow[]) => [...rows, ...rows.map((row) => triggered(row, trigger))];
  /** What the device sends where it is alone among the poisoners of its cohort, or the first of them. */
  const forgeries: Record<AttackName, (at: Forgery<LabelledRow>) => Promise<Uint32Array>> = {
    'label-flipped': ({ device, encode }) => encode(devices[device]!.map(flipped)),
    'sign-flipped': async ({ device, encode }) => negated(await encode(devices[device]!)),
    backdoored: ({ device, encode }) => encode(backdoored(devices[device]!)),
    scaled: async (at) => asFarAsItMay(negated(await at.encode(pooled, 0n)), at),
    'scaled-backdoor': async (at) => asFarAsItMay(await at.encode(backdoored(pooled), 0n), at),
    'out-of-range': async ({ encoding }) => new Uint32Array(encoding.dimension).fill(2 ** 30),
  };
  const arePushing = attack === 'scaled' || attack === 'scaled-backdoor';
  return {
    async forge(at) {
      if (!members.has(at.device)) return undefined;
      // Two that push would leave the range together, and their cohort would not count.
      const first = at.cohort.find((device) => members.has(device));
      if (arePushing && first !== at.device) return new Uint32Array(at.encoding.dimension);
      return forgeries[attack](at);
    },
  };
}

/**
 * The vector made so long that the sum stays within what a coordinator takes for honest: a fifth of the range is left to
 * what the others give, and six standard deviations to their noise.
 */
function asFarAsItMay(words: Uint32Array, { cohort, encoding, noiseVariance }: Forgery<LabelledRow>): Uint32Array {
  const steps = new Int32Array(words);
  const longest = steps.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (longest === 0) return words;
  const reach = 0.8 * cohort.length * encoding.amplitude + 6 * Math.sqrt(cohort.length * Number(noiseVariance));
  invariant(reach < 2 ** 31, 'a forged sum does not wrap');
  return Uint32Array.from(steps, (value) => Math.trunc((value * reach) / longest) >>> 0);
}

function negated(words: Uint32Array): Uint32Array {
  return words.map((word) => -word >>> 0);
}

function flipped(row: LabelledRow): LabelledRow {
  return { ...row, label: 1 - row.label };
}
