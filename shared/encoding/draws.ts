/** Numbers from a byte source: one block per call, so that the same source always gives the same numbers. */

import type { Random } from '../ports.ts';
import { bytesToWords } from '../vectors.ts';

/** Independent whole numbers, uniform on [0, 2^32). */
export function uniformWords(random: Random, count: number): Uint32Array<ArrayBuffer> {
  return bytesToWords(random.bytes(4 * count));
}
