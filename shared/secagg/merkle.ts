/** Merkle tree hash (RFC 6962, §2.1): one hash for a list of leaves, in an order that nobody can shift. */

import { type Bytes, bytes } from '../bytes.ts';
import { sha256 } from '../crypto/index.ts';

const leafPrefix = Uint8Array.of(0);
const nodePrefix = Uint8Array.of(1);

/** H(0x00 ‖ leaf) */
export function leafHash(leaf: Uint8Array): Bytes {
  return sha256(leafPrefix, leaf);
}

/** The root over leaf hashes; the hash of the empty text where there are none. */
export function merkleRoot(leafHashes: readonly Bytes[]): Bytes {
  if (leafHashes.length === 0) return sha256(bytes(0));
  return subtreeRoot(leafHashes, 0, leafHashes.length);
}

function subtreeRoot(leafHashes: readonly Bytes[], from: number, to: number): Bytes {
  if (to - from === 1) return leafHashes[from]!;
  const middle = from + largestPowerOfTwoBelow(to - from);
  return sha256(nodePrefix, subtreeRoot(leafHashes, from, middle), subtreeRoot(leafHashes, middle, to));
}

function largestPowerOfTwoBelow(count: number): number {
  return 2 ** (31 - Math.clz32(count - 1));
}
