import { describe, expect, it } from 'vitest';
import { runLab } from '../lab.ts';

async function lab(...args: readonly string[]) {
  const [results, notices]: [string[], string[]] = [[], []];
  const exitCode = await runLab(args, {
    result: (text) => void results.push(text),
    notice: (text) => void notices.push(text),
  });
  return { exitCode, results, notices };
}

describe('lab simulate faults', () => {
  it('says in one object how many seeds kept the laws, and what they had to bear', async () => {
    const { exitCode, results } = await lab('simulate', 'faults', '--seeds', '3', '--first-seed', '40', '--json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(results.at(-1)!)).toMatchObject({ name: 'faults', firstSeed: 40, seeds: 3, failedSeed: null });
  });

  it('tells all that happens in one seed, and nothing of what is in it', async () => {
    const { exitCode, notices } = await lab('simulate', 'faults', '--seed', '7', '--trace');
    expect(exitCode).toBe(0);
    expect(notices.some((line) => /device \d+ says masked-input of round 1 \(\d+ B\)$/.test(line))).toBe(true);
    // Ids, keys and bytes would be longer than any word of ours.
    expect(notices.filter((line) => /[A-Za-z0-9_-]{32,}/.test(line))).toEqual([]);
  });

  it('takes at least one seed', async () => {
    expect((await lab('simulate', 'faults', '--seeds', '0')).exitCode).toBe(2);
    expect((await lab('simulate', 'faults', '--seed', 'x')).exitCode).toBe(2);
  });
});
