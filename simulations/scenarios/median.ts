/** The middle of several runs. */

/** Of an even number, the lower of the two in the middle, so that a median is always a run that happened. */
export function medianBy<Run>(runs: readonly Run[], of: (run: Run) => number): Run {
  const sorted = [...runs].sort((a, b) => of(a) - of(b));
  const middle = sorted[Math.floor((sorted.length - 1) / 2)];
  if (middle === undefined) throw new RangeError('a median needs a run');
  return middle;
}
