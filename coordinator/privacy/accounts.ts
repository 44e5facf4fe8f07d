/**
 * What each device of a task has spent. The coordinator knows who was in which cohort, so nothing is amplified by sampling:
 * a device that took part K times has spent K·ρ, and the task's ε is that of the device that spent most.
 */

import { type DeviceId, invariant, type Store, type StoreWrite } from '@chorale/shared';
import { add, type Fraction, isMore } from '@chorale/shared/privacy';
import { storeKeys, under } from '../store/keys.ts';
import { parseRecord, putRecord, readRecord } from '../store/records.ts';
import { leastDevices, type Task } from '../tasks/task.ts';
import { moreOf, nothingSpent, rhoOf, type Spent, spent, withOneMore } from './spent.ts';

export interface Accounts {
  /** Opens a device's account, in the batch that enrols it. */
  opening(task: Task, device: DeviceId): readonly StoreWrite[];
  /** Whether the device may take part once more without passing the task's promise. */
  mayGive(task: Task, device: DeviceId): Promise<boolean>;
  /** Whether so many of the enrolled devices have given all that they may that the others are too few for a round. */
  isExhausted(task: Task): Promise<boolean>;
  /** One more participation of each of these devices: the writes, and what the device with most will have spent. */
  charge(task: Task, devices: readonly DeviceId[], rho: Fraction): Promise<Charged>;
}

export type Charged = { readonly mostSpent: Spent; readonly writes: readonly StoreWrite[] };

const scannedAtOnce = 500;

export function createAccounts(store: Pick<Store, 'get' | 'range'>): Accounts {
  const read = async (task: Task, device: DeviceId): Promise<Spent> =>
    (await readRecord(store, storeKeys.account(task.id, device), spent)) ?? nothingSpent;

  return {
    opening: (task, device) =>
      task.privacy.mechanism === 'none' ? [] : [putRecord(storeKeys.account(task.id, device), nothingSpent)],

    mayGive: async (task, device) => task.privacy.mechanism === 'none' || isLeft(task, await read(task, device)),

    async isExhausted(task) {
      if (task.privacy.mechanism === 'none') return false;
      const all = under(`account/${task.id}`);
      let [from, left, spentUp] = [all.from, 0, 0];
      for (;;) {
        const entries = await store.range({ from, to: all.to, limit: scannedAtOnce });
        const mayGive = entries.filter((entry) => isLeft(task, parseRecord(spent, entry))).length;
        left += mayGive;
        spentUp += entries.length - mayGive;
        if (left >= leastDevices(task)) return false;
        if (entries.length < scannedAtOnce) return spentUp > 0;
        // The least key after the last one.
        from = `${entries.at(-1)!.key}\0`;
      }
    },

    async charge(task, devices, rho) {
      const before = await Promise.all(devices.map((device) => read(task, device)));
      invariant(
        before.every((one) => isLeft(task, one)),
        'no cohort has a device without budget',
      );
      const after = before.map((one) => withOneMore(one, rho));
      return {
        mostSpent: after.reduce(moreOf, task.mostSpent ?? nothingSpent),
        writes: devices.map((device, i) => putRecord(storeKeys.account(task.id, device), after[i])),
      };
    },
  };
}

/**
 * Whether one more participation stays within the promise: z was chosen so that K times 1/(2z²) is at most its ε, so both
 * are asked, how often and how much.
 */
function isLeft({ privacy, noiseMultiplier }: Task, before: Spent): boolean {
  if (privacy.mechanism === 'none') return true;
  const perRound = 2n * BigInt(noiseMultiplier.numerator) ** 2n;
  const square = BigInt(noiseMultiplier.denominator) ** 2n;
  const afterwards = add(rhoOf(before), { numerator: square, denominator: perRound });
  const promised = { numerator: BigInt(privacy.participations) * square, denominator: perRound };
  return before.participations < privacy.participations && !isMore(afterwards, promised);
}
