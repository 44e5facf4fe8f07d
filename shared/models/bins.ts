/** Features in bins: models that look only at a feature's bin are learned from counts of bins, which add up exactly. */

/** Edges at or below the value: 0 before the first edge, `edges.length` from the last one on. A value on an edge is above it. */
export function binOf(edges: readonly number[], value: number): number {
  let low = 0;
  let left = edges.length;
  // Comparisons become numbers and not branches, which would be guessed wrong half of the time.
  while (left > 1) {
    const half = left >> 1;
    low += half * Number(edges[low + half - 1]! <= value);
    left -= half;
  }
  return low + Number(left === 1 && edges[low]! <= value);
}

/** Where each feature's bins begin in one vector of all bins; last, how many there are. */
export function binOffsets(edges: readonly (readonly number[])[]): readonly number[] {
  const offsets = [0];
  for (const { length } of edges) offsets.push(offsets.at(-1)! + length + 1);
  return offsets;
}
