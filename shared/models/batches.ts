/** The order in which a device visits its rows: shared by all trainers, so that they take the same steps. */

import type { Random } from '../ports.ts';

/**
 * One epoch: every row index exactly once, in batches of `batchSize` (the last may be shorter).
 * Reads 4 bytes of randomness per row.
 */
export function shuffledBatches(rowCount: number, batchSize: number, random: Random): Uint32Array[] {
  const order = shuffled(rowCount, random);
  const batches: Uint32Array[] = [];
  for (let start = 0; start < rowCount; start += batchSize) batches.push(order.subarray(start, start + batchSize));
  return batches;
}

/** Fisher–Yates. A 32-bit draw scaled to i + 1 values is biased by less than (i + 1)/2^32: nothing for batches. */
function shuffled(count: number, random: Random): Uint32Array {
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  const draws = new DataView(random.bytes(4 * count).buffer);
  for (let i = count - 1; i > 0; i--) {
    const other = Math.floor((draws.getUint32(4 * i) / 2 ** 32) * (i + 1));
    const index = order[i]!;
    order[i] = order[other]!;
    order[other] = index;
  }
  return order;
}
