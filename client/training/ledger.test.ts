import { newId, utf8 } from '@chorale/shared';
import { MemoryDisk, memoryStore } from '@chorale/shared/adapters/node';
import { add, fractionOf, zero } from '@chorale/shared/privacy';
import { seededRandom, virtualClock } from '@chorale/shared/testing';
import { describe, expect, it } from 'vitest';
import { isWithinLimits, type RoundEntry, TrainingLedger } from './ledger.ts';

const clock = virtualClock();
const task = newId('task', clock.now(), seededRandom('ledger'));
const other = newId('task', clock.now(), seededRandom('another'));
const limits = { roundsPerDay: 3, bytesPerDay: 1000, rhoPerYear: 1 };
const free = { sentBytes: 0, rho: zero, task, purpose: 'training' };

function ledgerOn(disk: MemoryDisk): TrainingLedger {
  return new TrainingLedger(memoryStore({ disk }), clock);
}

describe('claims', () => {
  it('are won once, whoever asks again: another tab at the same time or the same device after a restart', async () => {
    const disk = new MemoryDisk();
    const claim = { task, round: 7n, purpose: 'training' };
    const won = await Promise.all([ledgerOn(disk).claim(claim), ledgerOn(disk).claim(claim)]);
    expect(won.filter(Boolean)).toHaveLength(1);
    expect(await ledgerOn(disk).claim(claim)).toBe(false);
    expect(await ledgerOn(disk).claim({ ...claim, task: other })).toBe(true);
  });

  it('stay won when their entry cannot be read any more', async () => {
    const disk = new MemoryDisk();
    const claim = { task, round: 7n, purpose: 'training' };
    await ledgerOn(disk).claim(claim);
    const [entry] = disk.range({ from: 'ledger/', to: 'ledger0' });
    disk.write({ do: 'put', key: entry!.key, value: new Uint8Array([0xff]) });
    expect(await ledgerOn(disk).claim(claim)).toBe(false);
  });

  it('tell the last round over the boundary of an epoch, where decimal texts change length', async () => {
    const ledger = ledgerOn(new MemoryDisk());
    expect(await ledger.lastRound(task)).toBeUndefined();
    for (const round of [9n, 10n, 2n ** 48n + 1n]) await ledger.claim({ task, round, purpose: 'training' });
    expect(await ledger.lastRound(task)).toBe(2n ** 48n + 1n);
  });
});

describe('limits', () => {
  const entry = (age: number, cost: Partial<RoundEntry> = {}): RoundEntry => ({
    task,
    purpose: 'training',
    round: '1',
    claimedAt: clock.now() - age,
    stages: ['claimed', 'spent'],
    sentBytes: 0,
    ...cost,
  });

  it('count the rounds of all tasks within a day, and forget those of yesterday', () => {
    const hour = 3_600_000;
    const two = [entry(hour), entry(2 * hour, { task: other })];
    expect(isWithinLimits(two, free, limits, clock.now())).toBe(true);
    expect(isWithinLimits([...two, entry(3 * hour)], free, limits, clock.now())).toBe(false);
    expect(isWithinLimits([...two, entry(25 * hour)], free, limits, clock.now())).toBe(true);
  });

  it('do not count rounds to which the device was invited in vain', () => {
    const inVain = Array.from({ length: 100 }, () => entry(0, { stages: ['claimed'] }));
    expect(isWithinLimits(inVain, free, limits, clock.now())).toBe(true);
  });

  it('count the bytes of the round that is asked for', () => {
    expect(isWithinLimits([], { ...free, sentBytes: 1000 }, limits, clock.now())).toBe(true);
    expect(isWithinLimits([entry(0, { sentBytes: 1 })], { ...free, sentBytes: 1000 }, limits, clock.now())).toBe(false);
  });

  it('add ρ exactly: three thirds are one, and the least more is too much', () => {
    const third = { numerator: '1', denominator: '3' };
    const spent = [entry(0, { rho: third }), entry(0, { rho: third })];
    const left = { numerator: 1n, denominator: 3n };
    const wide = { ...limits, roundsPerDay: 10 };
    expect(isWithinLimits(spent, { ...free, rho: left }, wide, clock.now())).toBe(true);
    const more = add(left, { numerator: 1n, denominator: 10n ** 40n });
    expect(isWithinLimits(spent, { ...free, rho: more }, wide, clock.now())).toBe(false);
  });

  it('of one purpose are narrower than those of all, and leave the others alone', () => {
    const own = { ...limits, perPurpose: { scoring: { ...limits, roundsPerDay: 1 } } };
    const spent = [entry(0, { purpose: 'scoring' })];
    expect(isWithinLimits(spent, { ...free, purpose: 'scoring' }, own, clock.now())).toBe(false);
    expect(isWithinLimits(spent, { ...free, purpose: 'training' }, own, clock.now())).toBe(true);
    expect(isWithinLimits(spent, { ...free, purpose: 'scoring' }, limits, clock.now())).toBe(true);
  });

  it('of a task’s window hold for that task alone', () => {
    const own = { ...limits, taskWindowMs: 1000 };
    expect(isWithinLimits([entry(999)], free, own, clock.now())).toBe(false);
    expect(isWithinLimits([entry(1000)], free, own, clock.now())).toBe(true);
    expect(isWithinLimits([entry(999)], { ...free, task: other }, own, clock.now())).toBe(true);
    expect(isWithinLimits([entry(999, { stages: ['claimed'] })], free, own, clock.now())).toBe(true);
  });

  it('without a window do not wait for a clock that was set back to catch up', () => {
    expect(isWithinLimits([entry(-3_600_000)], free, limits, clock.now())).toBe(true);
    expect(isWithinLimits([entry(-3_600_000)], free, { ...limits, taskWindowMs: 1000 }, clock.now())).toBe(false);
  });

  it('remember what a round cost after a restart', async () => {
    const disk = new MemoryDisk();
    await ledgerOn(disk).claim({ task, round: 1n, purpose: 'training' });
    const cost = { sentBytes: 40, rho: fractionOf(0.25), mechanism: 'distributed' } as const;
    expect(await ledgerOn(disk).spend({ task, round: 1n }, cost, limits)).toBe(true);
    const [stored] = await ledgerOn(disk).entries();
    expect(stored).toMatchObject({ stages: ['claimed', 'spent'], sentBytes: 40, mechanism: 'distributed' });
    expect(stored?.rho).toEqual({ numerator: '1', denominator: '4' });
  });
});

describe('an entry that cannot be read', () => {
  it('is not forgotten: nothing more is spent, and its round is not entered again', async () => {
    const disk = new MemoryDisk();
    const ledger = ledgerOn(disk);
    await ledger.claim({ task, round: 7n, purpose: 'training' });
    const [own] = disk.range({ from: 'ledger/', to: 'ledger0' });
    disk.write({ do: 'put', key: own!.key, value: utf8('{"stages":["of another version"]}') });
    await ledger.claim({ task: other, round: 1n, purpose: 'training' });
    const cost = { sentBytes: 1, rho: fractionOf(0.25), mechanism: 'distributed' } as const;
    await expect(ledger.entries()).rejects.toThrow('cannot be read');
    await expect(ledger.spend({ task: other, round: 1n }, cost, limits)).rejects.toThrow('cannot be read');
    expect(await ledger.lastRound(task)).toBe(7n);
    expect(await ledger.readable()).toMatchObject([{ task: other, stages: ['claimed'] }]);
  });
});

describe('charges at the same moment', () => {
  const cost = { sentBytes: 1, rho: fractionOf(0.25), mechanism: 'distributed' } as const;
  const claimed = async (ledgers: readonly TrainingLedger[]) => {
    for (const [i, ledger] of ledgers.entries()) await ledger.claim({ task, round: BigInt(i), purpose: 'training' });
  };
  const spendAll = (ledgers: readonly TrainingLedger[]) =>
    Promise.all(ledgers.map((ledger, i) => ledger.spend({ task, round: BigInt(i) }, cost, limits)));

  it('of ten rounds in one process pass as far as the limit goes, and the others leave no trace', async () => {
    const ledger = ledgerOn(new MemoryDisk());
    const ten = Array(10).fill(ledger);
    await claimed(ten);
    expect((await spendAll(ten)).filter(Boolean)).toHaveLength(3);
    const given = (await ledger.entries()).filter(({ stages }) => stages.includes('spent'));
    expect(given).toHaveLength(3);
  });

  it('of ten tabs never pass the limit together', async () => {
    const disk = new MemoryDisk();
    const ten = Array.from({ length: 10 }, () => ledgerOn(disk));
    await claimed(ten);
    const passed = (await spendAll(ten)).filter(Boolean).length;
    expect(passed).toBeLessThanOrEqual(3);
    expect((await ten[0]!.entries()).filter(({ stages }) => stages.includes('spent'))).toHaveLength(passed);
  });
});
