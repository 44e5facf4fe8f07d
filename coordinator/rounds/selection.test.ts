import type { DeviceId } from '@chorale/shared';
import { seededRandom } from '@chorale/shared/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Candidate, invitationCount, selectDevices } from './selection.ts';

const today = 20_000;
const candidate = (index: number, credentialDay: number): Candidate => ({
  device: `device ${index}` as DeviceId,
  credentialDay,
});
const candidates = fc
  .array(fc.integer({ min: today - 5, max: today }), { maxLength: 40 })
  .map((days) => days.map((day, index) => candidate(index, day)));

describe('selection', () => {
  it('takes as many as are wanted and there, each once, and nobody else', () => {
    fc.assert(
      fc.property(candidates, fc.nat(50), fc.nat(), (all, count, seed) => {
        const selected = selectDevices(all, { count, today, random: seededRandom(seed) });
        expect(selected).toHaveLength(Math.min(count, all.length));
        expect(new Set(selected).size).toBe(selected.length);
        expect(all.map(({ device }) => device)).toEqual(expect.arrayContaining(selected));
      }),
    );
  });

  it('takes a device enrolled since yesterday only when every older one is in', () => {
    fc.assert(
      fc.property(candidates, fc.nat(50), fc.nat(), (all, count, seed) => {
        const selected = new Set(selectDevices(all, { count, today, random: seededRandom(seed) }));
        const isRecent = ({ credentialDay }: Candidate) => credentialDay >= today - 1;
        const tookRecent = all.some((one) => isRecent(one) && selected.has(one.device));
        const leftSeasoned = all.some((one) => !isRecent(one) && !selected.has(one.device));
        expect(tookRecent && leftSeasoned).toBe(false);
      }),
    );
  });

  it('takes every device equally often', () => {
    const all = Array.from({ length: 10 }, (_, index) => candidate(index, today - 9));
    const random = seededRandom('equally often');
    const trials = 20_000;
    const counts = new Map(all.map(({ device }) => [device, 0]));
    for (let i = 0; i < trials; i++)
      for (const device of selectDevices(all, { count: 3, today, random })) counts.set(device, counts.get(device)! + 1);
    // Each count is binomial with p = .3; five standard deviations are passed once in 1.7 million.
    const deviation = Math.sqrt(trials * 0.3 * 0.7);
    for (const count of counts.values()) expect(Math.abs(count - trials * 0.3)).toBeLessThan(5 * deviation);
  });
});

describe('invitations', () => {
  it('are a third more than the cohort, rounded up, and never fewer', () => {
    expect([3, 5, 10, 100, 256, 1000].map((size) => invitationCount(size, 1.3))).toEqual([4, 7, 13, 130, 333, 1300]);
    expect(invitationCount(100, 1)).toBe(100);
  });
});
