/** How far two ways of dividing the same people agree. */

/**
 * 1 where they are the same but for names, about 0 where they agree by chance alone (L. Hubert, P. Arabie, Comparing
 * Partitions, Journal of Classification 2, 1985).
 *
 * @throws RangeError unless both label the same number of people, two or more
 */
export function adjustedRand(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length || a.length < 2) throw new RangeError('two labels for each of the same people');
  const people = Array.from(a, (_, i) => i);
  const pairsOf = (name: (person: number) => string) => {
    const sizes = new Map<string, number>();
    for (const person of people) sizes.set(name(person), (sizes.get(name(person)) ?? 0) + 1);
    return [...sizes.values()].reduce((sum, size) => sum + (size * (size - 1)) / 2, 0);
  };
  const together = pairsOf((person) => `${a[person]} ${b[person]}`);
  const [inA, inB] = [pairsOf((person) => `${a[person]}`), pairsOf((person) => `${b[person]}`)];
  const byChance = (inA * inB) / ((a.length * (a.length - 1)) / 2);
  const most = (inA + inB) / 2;
  return most === byChance ? 1 : (together - byChance) / (most - byChance);
}
