/**
 * Which cohort of a round a device is in. Everybody is on the *roll*, and a hash over the whole of it decides, so that
 * neither the coordinator nor a device of its own chooses who masks with whom.
 *
 * An entry names its identity and its leaf. By the identity everybody is on the roll once: entries for leaves alone would
 * let one corrupt identity stand for as many leaves as it likes, in as many cohorts. By the leaf, whose keys are drawn
 * when the round begins, nobody can look for a favourable roll before that.
 */

import { type Bytes, compare, concat } from '../bytes.ts';
import { assignmentText, entryHalfBytes } from './context.ts';
import { merkleRoot } from './merkle.ts';

/** Largest N: every device gets the whole roll. */
export const mostOnRoll = 16_384;
export const rollEntryBytes = 2 * entryHalfBytes;

/** One entry (`rollEntry`) for each device of the round, ascending. */
export type Roll = readonly Bytes[];

/** Whether the entries are in order and no identity is there twice. */
export function isRoll(roll: Roll): boolean {
  return roll.every((entry, i) => i === 0 || compare(identityOf(roll[i - 1]!), identityOf(entry)) < 0);
}

function identityOf(entry: Bytes): Bytes {
  return entry.subarray(0, entryHalfBytes);
}

/** The root that every header of the round names: RFC 6962 over the entries, which stand for leaf hashes. */
export function roundRootOf(roll: Roll): Bytes {
  return merkleRoot(roll);
}

/** What is hashed, entry by entry, to draw the order in which cohorts are cut off. @param roundRoot the roll's own */
export function drawingTexts(roll: Roll, roundRoot: Bytes): readonly Bytes[] {
  return roll.map((entry) => assignmentText(roundRoot, entry));
}

/**
 * The cohort of each entry: ⌊rank·G/N⌋ in the order drawn.
 *
 * @param drawn the hashes of `drawingTexts`
 */
export function cohortsFrom(drawn: readonly Bytes[], roll: Roll, cohortCount: number): readonly number[] {
  const order = [...roll.keys()].sort((a, b) => compare(drawn[a]!, drawn[b]!) || compare(roll[a]!, roll[b]!));
  const cohorts = new Array<number>(roll.length);
  order.forEach((index, rank) => {
    cohorts[index] = Math.floor((rank * cohortCount) / roll.length);
  });
  return cohorts;
}

/** What a header says of the round that its cohort is part of. */
export type Block = { readonly cohort: number; readonly cohortCount: number; readonly roundDevices: number };

/** n: how many ranks r have ⌊r·G/N⌋ = cohort. All blocks of a round have this size to within one. */
export function blockSize({ cohort, cohortCount, roundDevices }: Block): number {
  const start = (block: number) => Math.ceil((block * roundDevices) / cohortCount);
  return start(cohort + 1) - start(cohort);
}

/** Whether a roster holds the whole of its block and nobody else. @param entries of the roster, in any order */
export function isBlock(
  entries: readonly Bytes[],
  { roll, cohorts }: { readonly roll: Roll; readonly cohorts: readonly number[] },
  cohort: number,
): boolean {
  const block = roll.filter((_, i) => cohorts[i] === cohort);
  const listed = concat(...entries.toSorted(compare));
  return compare(listed, concat(...block)) === 0;
}
