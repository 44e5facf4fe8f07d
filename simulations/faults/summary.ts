/** What many seeds have in common: that they kept the laws, and how much they had to bear. */

import type { SeedReport } from './play.ts';

export type Figures = {
  readonly seeds: number;
  readonly failed: number;
  /** Rounds that committed while faults lasted, and after. */
  readonly stormyCommits: number;
  readonly calmCommits: number;
  /** Longest virtual time from the end of faults to the rounds that had to commit. */
  readonly longestRecoverySeconds: number;
  /** How often each kind of fault happened. */
  readonly counts: Readonly<Record<string, number>>;
};

export class Summary {
  #figures: Figures = {
    ...{ seeds: 0, failed: 0, stormyCommits: 0, calmCommits: 0, longestRecoverySeconds: 0, counts: {} },
  };

  get figures(): Figures {
    return this.#figures;
  }

  get sentence(): string {
    const { seeds, failed, stormyCommits, calmCommits, longestRecoverySeconds, counts } = this.#figures;
    const kinds = Object.entries(counts).sort(([, a], [, b]) => b - a);
    return [
      `${failed} of ${seeds} seeds failed`,
      `${stormyCommits} rounds committed in storms and ${calmCommits} after`,
      `longest recovery ${Math.round(longestRecoverySeconds)} virtual s`,
      ...kinds.map(([kind, count]) => `${count} ${kind}`),
    ].join(', ');
  }

  add({ failure, commits, recoveryMs, counts }: SeedReport): void {
    const before = this.#figures;
    const sums = { ...before.counts };
    for (const [kind, count] of Object.entries(counts)) sums[kind] = (sums[kind] ?? 0) + count;
    this.#figures = {
      seeds: before.seeds + 1,
      failed: before.failed + (failure === undefined ? 0 : 1),
      stormyCommits: before.stormyCommits + commits.stormy,
      calmCommits: before.calmCommits + commits.calm,
      longestRecoverySeconds: Math.max(before.longestRecoverySeconds, recoveryMs / 1000),
      counts: sums,
    };
  }
}
