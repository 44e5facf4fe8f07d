/**
 * Which part of all devices a task asks, for cross-validation: those of one fold judge what the others have trained. A device finds
 * its own fold by a draw that nobody else knows, so folds are kept without a list of who is in which.
 */

import * as z from 'zod/mini';

export const foldQuery = z
  .strictObject({
    /** Tasks of one label have the same folds. */
    label: z.string().check(z.minLength(1), z.maxLength(64)),
    /** Few: every device outside the part that is asked adds nothing, and a sum must still be of many. */
    of: z.int().check(z.minimum(2), z.maximum(5)),
    part: z.int().check(z.nonnegative()),
    /** Whether the part itself is asked, or everybody else. */
    keep: z.enum(['inside', 'outside']),
  })
  .check(z.refine(({ part, of }) => part < of, 'part: there are not so many'));

export type FoldQuery = z.infer<typeof foldQuery>;

/** @param place in [0, 1), the device's own draw for the label */
export function isInFold({ of, part, keep }: FoldQuery, place: number): boolean {
  return (Math.floor(place * of) === part) === (keep === 'inside');
}

/** Devices that are asked, of so many; rounded down. */
export function askedOf({ of, keep }: FoldQuery, devices: number): number {
  return Math.floor((devices * (keep === 'inside' ? 1 : of - 1)) / of);
}
