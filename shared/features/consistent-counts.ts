/**
 * Counts that could be true in place of noisy ones, which may be negative: their running sums are the nearest, in squares,
 * that never fall. Noise that went up in one cell and down in the next cancels, so quantiles stay in place, where
 * cutting off what is negative would add rows to every empty cell (Hay et al., VLDB 2010, §3, for the use of isotonic
 * regression; Ayer et al., Annals of Mathematical Statistics 26, 1955, for pooling adjacent violators).
 *
 * @param total of the true counts as far as it is known, not negative: what is left over is spread evenly first
 */
export function consistentCounts(counts: Float64Array, total: number): Float64Array {
  if (counts.every((count) => count >= 0)) return counts;
  const sum = counts.reduce((all, count) => all + count, 0);
  const leftOver = (total - sum) / counts.length;
  const sums = isotonic(runningSums(counts.map((count) => count + leftOver)));
  const within = sums.map((value) => Math.max(0, Math.min(total, value)));
  return within.map((value, i) => value - (i > 0 ? within[i - 1]! : 0));
}

function runningSums(values: Float64Array): Float64Array {
  let sum = 0;
  return values.map((value) => {
    sum += value;
    return sum;
  });
}

/** The closest ascending numbers: neighbours in the wrong order become their mean. */
function isotonic(values: Float64Array): Float64Array {
  const pools: { sum: number; count: number }[] = [];
  for (const value of values) {
    let pool = { sum: value, count: 1 };
    for (let last = pools.at(-1); last && mean(last) > mean(pool); last = pools.at(-1)) {
      pool = { sum: last.sum + pool.sum, count: last.count + pool.count };
      pools.pop();
    }
    pools.push(pool);
  }
  return Float64Array.from(pools.flatMap((pool) => new Array<number>(pool.count).fill(mean(pool))));
}

function mean({ sum, count }: { readonly sum: number; readonly count: number }): number {
  return sum / count;
}
