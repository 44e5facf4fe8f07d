/** Storms as a test: some seeds in every run, thousands by hand (`lab simulate faults`). */

import { expect, it } from 'vitest';
import { playSeed } from './play.ts';

/** Two files call it, so that two threads share the 200 seeds. */
export function stormsKeepLaws(first: number, last: number): void {
  it(`break no law, and rounds commit after them: seeds ${first} to ${last}`, { timeout: 600_000 }, async () => {
    const totals: Record<string, number> = {};
    for (let seed = first; seed <= last; seed++) {
      const { failure, counts, commits } = await playSeed(seed);
      expect(
        failure,
        `seed ${seed}: ${failure?.law}: ${failure?.what}\n${failure?.account.join('\n')}`,
      ).toBeUndefined();
      for (const [kind, count] of Object.entries({ ...counts, 'stormy commits': commits.stormy }))
        totals[kind] = (totals[kind] ?? 0) + count;
    }
    // A storm without wind would prove nothing.
    const kinds = ['device crashes', 'coordinator deaths', 'deaths while writing', 'refused operations', 'partitions'];
    for (const kind of [...kinds, 'broken requests', 'withdrawals', 'stormy commits'])
      expect(totals[kind], kind).toBeGreaterThan(9);
  });
}
