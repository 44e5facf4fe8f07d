import { describe, expect, it } from 'vitest';
import { type Bytes, bytes, compare, concat, hex, u32, utf8 } from '../bytes.ts';
import { sha256 } from '../crypto/index.ts';
import { type SeededRandom, seededRandom } from '../testing/seeded-random.ts';
import { blockSize, cohortsFrom, drawingTexts, isBlock, isRoll, mostOnRoll, roundRootOf } from './assignment.ts';
import { rollEntry } from './context.ts';

const planHash = sha256(utf8('plan'));

/** As a roll in order, whatever the order in which its devices came. */
function rollOf(devices: number, seed: number): Bytes[] {
  const entries = Array.from({ length: devices }, (_, i) => {
    const device = sha256(u32(seed), u32(i));
    return rollEntry(planHash, device.slice(0, 16), concat(device, bytes(112)));
  });
  return entries.sort(compare);
}

function cohortsOf(roll: readonly Bytes[], cohortCount: number): readonly number[] {
  return cohortsFrom(
    drawingTexts(roll, roundRootOf(roll)).map((text) => sha256(text)),
    roll,
    cohortCount,
  );
}

const sizesOf = (cohorts: readonly number[], cohortCount: number) =>
  Array.from({ length: cohortCount }, (_, c) => cohorts.filter((cohort) => cohort === c).length);

/** Small rounds and large ones, with 1 to 12 cohorts. */
function* rounds(random: SeededRandom) {
  for (let i = 0; i < 60; i++) {
    const cohortCount = 1 + Math.floor(12 * random.uniform());
    yield { cohortCount, devices: cohortCount + Math.floor(300 * random.uniform()) };
  }
  yield { cohortCount: 40, devices: 10_240 };
}

describe('an assignment', () => {
  it('puts every device into one cohort, of sizes that differ by one at most and follow from the header', () => {
    for (const { cohortCount, devices } of rounds(seededRandom('partition'))) {
      const sizes = sizesOf(cohortsOf(rollOf(devices, devices), cohortCount), cohortCount);
      const expected = sizes.map((_, cohort) => blockSize({ cohort, cohortCount, roundDevices: devices }));
      expect(sizes, `${devices} in ${cohortCount}`).toEqual(expected);
      expect(sizes.reduce((sum, size) => sum + size)).toBe(devices);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }
  });

  it('follows from the roll alone: the order of equal draws and of arrival say nothing', () => {
    const roll = rollOf(50, 1);
    const drawn = roll.map(() => bytes(32));
    const [forth, back] = [roll, roll.toReversed()].map((entries) => cohortsFrom(drawn, entries, 4));
    expect(back!.toReversed()).toEqual(forth);
    expect(cohortsOf(roll.toReversed().sort(compare), 4)).toEqual(cohortsOf(roll, 4));
  });

  it('is another one for everybody when one leaf changes, comes or goes', () => {
    const roll = rollOf(400, 2);
    const before = cohortsOf(roll, 2);
    const last = roll.length - 1;
    const changed = roll.with(last, concat(roll[last]!.subarray(0, 16), bytes(16)));
    const moved = cohortsOf(changed, 2).filter((cohort, i) => cohort !== before[i]).length;
    // 400 fair coins: fewer than 140 or more than 260 heads have probability 2e-9.
    expect(moved).toBeGreaterThan(140);
    expect(moved).toBeLessThan(260);
    expect(cohortsOf(roll.slice(1), 2)).not.toEqual(before.slice(1));
  });

  it('spreads any group over the cohorts as chance does', () => {
    // 40 of 400 devices, 100 rounds: their number in one of 4 cohorts is hypergeometric, with mean 10 and variance 6.77.
    const counts = Array.from({ length: 100 }, (_, seed) => {
      const roll = rollOf(400, 1000 + seed);
      const cohorts = cohortsOf(roll, 4);
      return cohorts.filter((cohort, i) => cohort === 3 && i < 40).length;
    });
    const mean = counts.reduce((sum, count) => sum + count) / 100;
    const variance = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / 99;
    // Five standard errors of either.
    expect(Math.abs(mean - 10)).toBeLessThan(5 * 0.26);
    expect(Math.abs(variance - 6.77)).toBeLessThan(5 * 0.96);
  });
});

describe('a roll', () => {
  it('is in strict order of identities, whatever their leaves are', () => {
    const roll = rollOf(20, 3);
    expect(isRoll(roll)).toBe(true);
    expect(isRoll([])).toBe(true);
    expect(isRoll(roll.toSpliced(4, 0, roll[4]!))).toBe(false);
    expect(isRoll(roll.with(4, roll[5]!).with(5, roll[4]!))).toBe(false);
    const otherLeaf = concat(roll[4]!.subarray(0, 16), bytes(16).fill(255));
    expect(isRoll(roll.toSpliced(5, 0, otherLeaf))).toBe(false);
  });

  it('holds an identity under one name, however many leaves it signs', () => {
    const [device, other] = [bytes(16).fill(1), bytes(16).fill(2)];
    const [one, two, another] = [
      rollEntry(planHash, device, bytes(144)),
      rollEntry(planHash, device, bytes(144).fill(1)),
      rollEntry(planHash, other, bytes(144)),
    ].map((entry) => [hex(entry.subarray(0, 16)), hex(entry.subarray(16))]);
    expect(one![0]).toBe(two![0]);
    expect(one![1]).not.toBe(two![1]);
    expect(another![0]).not.toBe(one![0]);
    // In another round nobody recognises it.
    expect(hex(rollEntry(sha256(planHash), device, bytes(144)).subarray(0, 16))).not.toBe(one![0]);
  });

  it('has a root that names every entry', () => {
    const roll = rollOf(9, 4);
    const root = hex(roundRootOf(roll));
    expect(hex(roundRootOf(roll.slice(1)))).not.toBe(root);
    expect(hex(roundRootOf(roll.with(3, bytes(32))))).not.toBe(root);
  });
});

describe('a roster', () => {
  it('holds the whole of its block and nobody else', () => {
    const roll = rollOf(60, 5);
    const cohorts = cohortsOf(roll, 5);
    const block = roll.filter((_, i) => cohorts[i] === 2);
    const stranger = roll[cohorts.indexOf(1)]!;
    const listed = (entries: readonly Bytes[]) => isBlock(entries, { roll, cohorts }, 2);
    expect(listed(block.toReversed())).toBe(true);
    expect(listed(block.slice(1))).toBe(false);
    expect(listed([...block, stranger])).toBe(false);
    expect(listed(block.with(0, stranger))).toBe(false);
    expect(listed(block.with(0, block[1]!))).toBe(false);
  });

  it('has no more devices to know of than a device can check', () => {
    expect(mostOnRoll).toBe(16_384);
    expect(blockSize({ cohort: 63, cohortCount: 64, roundDevices: mostOnRoll })).toBe(256);
  });
});
