import { seededRandom } from '@chorale/shared/testing';
import { describe, expect, it } from 'vitest';
import { playSeeds } from './many.ts';
import { playSeed } from './play.ts';
import { drawScene } from './scene.ts';

/** Seeds here; thousands by hand (`lab simulate faults`). */
const seeds = 100;

describe('storms of faults', () => {
  it(`break no law, and rounds commit after them: seeds 1 to ${seeds}`, { timeout: 600_000 }, async () => {
    const totals: Record<string, number> = {};
    for (let seed = 1; seed <= seeds; seed++) {
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

  it('happen again from their seed, byte for byte, on whatever thread and after whatever else', async () => {
    const digests: string[] = [];
    const onReport = ({ digest }: { digest: string }) => void digests.push(digest);
    await playSeeds({ firstSeed: 5, seeds: 2, workers: 1, onReport });
    const [six, five] = [await playSeed(6), await playSeed(5)];
    expect(digests).toEqual([five.digest, six.digest]);
    expect(five.digest).not.toBe(six.digest);
  });

  it('tell all that happens to whoever wants to know, and change nothing by it', async () => {
    const lines: string[] = [];
    const told = await playSeed(7, { onLine: (line) => void lines.push(line) });
    expect(told.digest).toBe((await playSeed(7)).digest);
    expect(lines.some((line) => line.includes('masked-input'))).toBe(true);
  });

  it('have a cohort of 10 to 16 in about 19 of 20 seeds, and one of 32 to 64 in the others', () => {
    const cohorts = Array.from({ length: 2000 }, (_, seed) => drawScene(seededRandom(seed)).cohort);
    const isSparse = (cohort: number) => cohort >= 32 && cohort <= 64;
    expect(cohorts.every((cohort) => isSparse(cohort) || (cohort >= 10 && cohort <= 16))).toBe(true);
    // Binomial(2000, 1/20) leaves these bounds with a chance below 1e-6; the seeds are fixed besides.
    expect(cohorts.filter(isSparse).length).toBeGreaterThan(54);
    expect(cohorts.filter(isSparse).length).toBeLessThan(152);
  });
});
