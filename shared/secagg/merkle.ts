/** Merkle tree hash (RFC 6962, §2.1): one hash for a list of leaves, in an order that nobody can shift. */

import { type Bytes, bytes } from '../bytes.ts';
import { sha256 } from '../crypto/index.ts';
import { invariant } from '../errors.ts';

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

/** What shows that a leaf is under a root: the roots of the subtrees beside its way up (RFC 6962, §2.1.1), lowest first. */
export function inclusionPath(leafHashes: readonly Bytes[], index: number): readonly Bytes[] {
  invariant(index >= 0 && index < leafHashes.length, 'a path starts at one of the leaves');
  const path: Bytes[] = [];
  let [from, to] = [0, leafHashes.length];
  while (to - from > 1) {
    const middle = from + largestPowerOfTwoBelow(to - from);
    const isLeft = index < middle;
    path.unshift(isLeft ? subtreeRoot(leafHashes, middle, to) : subtreeRoot(leafHashes, from, middle));
    if (isLeft) to = middle;
    else from = middle;
  }
  return path;
}

export type Inclusion = { readonly index: number; readonly size: number; readonly path: readonly Bytes[] };

/** The root to which a leaf leads. @returns undefined where the path has not the length that index and size ask for */
export function rootOfInclusion(leaf: Bytes, { index, size, path }: Inclusion): Bytes | undefined {
  if (index < 0 || index >= size) return undefined;
  const sides = sidesOf(index, size);
  if (sides.length !== path.length) return undefined;
  return path.reduce((hash, sibling, i) => {
    return sides[i] === 'left' ? sha256(nodePrefix, hash, sibling) : sha256(nodePrefix, sibling, hash);
  }, leaf);
}

/** On which side the leaf's own subtree is, from the lowest node up. */
function sidesOf(index: number, size: number): readonly ('left' | 'right')[] {
  const sides: ('left' | 'right')[] = [];
  let [from, to] = [0, size];
  while (to - from > 1) {
    const middle = from + largestPowerOfTwoBelow(to - from);
    const isLeft = index < middle;
    sides.unshift(isLeft ? 'left' : 'right');
    if (isLeft) to = middle;
    else from = middle;
  }
  return sides;
}

function subtreeRoot(leafHashes: readonly Bytes[], from: number, to: number): Bytes {
  if (to - from === 1) return leafHashes[from]!;
  const middle = from + largestPowerOfTwoBelow(to - from);
  return sha256(nodePrefix, subtreeRoot(leafHashes, from, middle), subtreeRoot(leafHashes, middle, to));
}

function largestPowerOfTwoBelow(count: number): number {
  return 2 ** (31 - Math.clz32(count - 1));
}
