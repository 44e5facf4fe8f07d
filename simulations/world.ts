/**
 * The full simulator: a real coordinator and real clients, on a network in memory and a virtual clock. One seed decides
 * everything that happens, so that the same seed gives the same bytes.
 */

import type { ChoraleOptions } from '@chorale/client';
import { type Coordinator, type CoordinatorOptions, createCoordinator, rootKeyOf } from '@chorale/coordinator';
import { MemoryDisk, memoryStore, nodeCrypto } from '@chorale/shared/adapters/node';
import type { Trainer } from '@chorale/shared/models';
import {
  type LinkFaults,
  type LoopbackNetwork,
  loopbackNetwork,
  rememberingVerdicts,
  seededRandom,
  type VirtualClock,
  virtualClock,
} from '@chorale/shared/testing';
import type { NewTask } from '@chorale/shared/wire';
import { endsOf, type LeavingMoment, type Memory, WorldDevice } from './world/device.ts';
import { routeFetch } from './world/route-fetch.ts';
import { runTask, type TaskRun } from './world/task-run.ts';

export { type LeavingMoment, type Memory, rowSource } from './world/device.ts';
export { type CommittedRound, replayOf, type Survivor, type TaskRun } from './world/task-run.ts';

export type WorldOptions = {
  readonly seed: string | number;
  /** What each device knows; a device is its place in this list. */
  readonly devices: readonly Memory[];
  readonly trainer: Trainer;
  /** Of every device's link; perfect unless said. */
  readonly faults?: Partial<LinkFaults>;
  /** Asked before a device answers a turn: it crashes instead, and starts again on the same disk. Nobody unless said. */
  readonly leaves?: (moment: LeavingMoment) => boolean;
  /** How long a crashed device stays away. */
  readonly awayMs?: number;
  /** The devices' own floors; the lowest that an app may set unless said, since worlds are small. */
  readonly floors?: ChoraleOptions['floors'];
  readonly rounds?: CoordinatorOptions['rounds'];
};

export interface World {
  readonly clock: VirtualClock;
  readonly network: LoopbackNetwork;
  readonly coordinator: Coordinator;
  readonly devices: readonly WorldDevice[];
  /** What a log of the coordinator would show an operator as defects. */
  readonly defects: readonly string[];
  /** Creates a task and lets time pass until it is done. @throws Error that names the seed where it never is */
  runTask(task: NewTask): Promise<TaskRun>;
  close(): Promise<void>;
}

const lowestFloors = { minCohort: 10, minHonest: 5 };
/** Longer than any round lasts, silent devices and pauses after abandoned rounds included. */
const patienceMs = 3_600_000;

/** Starts the coordinator, then one device after the other; no time passes. */
export async function createWorld(options: WorldOptions): Promise<World> {
  const {
    seed,
    trainer,
    faults = {},
    leaves = () => false,
    awayMs = 1500,
    floors = lowestFloors,
    rounds = {},
  } = options;
  const random = seededRandom(seed);
  const clock = virtualClock();
  const crypto = rememberingVerdicts(nodeCrypto());
  const defects: string[] = [];
  let commits = 0;

  const coordinator = await createCoordinator({
    store: memoryStore({ disk: new MemoryDisk() }),
    ...{ clock, crypto, rounds, random: random.fork('coordinator'), log: defectLog(defects) },
    // Rounds follow one another as they never do in life.
    limits: { packetsPerMinute: 1_000_000 },
    onMoment: ({ at }) => {
      if (at === 'committed') commits++;
    },
  });
  const network = loopbackNetwork({
    ...{ clock, faults, random: random.fork('network') },
    server: { connect: ({ device, push, close }) => coordinator.connect({ ...endsOf(device), push, close }) },
  });
  const time = pausingTime(clock);
  const comeBack = (device: WorldDevice) =>
    void clock.wakeAt(clock.now() + awayMs, () => time.pauseFor(() => device.start()));
  const devices = options.devices.map(
    (memory, index) =>
      new WorldDevice({
        ...{ index, memory, clock, crypto, trainer, network, floors, leaves },
        random: random.fork(`device ${index}`),
        fetch: routeFetch(() => coordinator),
        coordinator: { clientKey: coordinator.keyring.publishableKey, coordinatorKey: rootKeyOf(coordinator) },
        onCrash: comeBack,
      }),
  );
  for (const device of devices) await device.join();

  const untilCommit = () => {
    const before = commits;
    return time.runUntil(() => commits > before);
  };
  return {
    ...{ clock, network, coordinator, devices, defects },
    runTask: (task) =>
      runTask(task, { coordinator: () => coordinator, devices, untilCommit }).catch((cause: unknown) => {
        const said = devices.flatMap(({ index, errors }) => errors.map(({ message }) => `device ${index}: ${message}`));
        throw new Error([`seed ${seed}: ${cause}`, ...defects, ...said.slice(-5)].join('\n'), { cause });
      }),
    async close() {
      for (const device of devices) await device.close();
      await coordinator.stop();
    },
  };
}

/** Virtual time that stands still while a client loads its code: that takes real time, which must not become chance. */
function pausingTime(clock: VirtualClock) {
  const pauses: (() => Promise<void>)[] = [];
  return {
    pauseFor: (work: () => Promise<void>) => void pauses.push(work),
    async runUntil(isTrue: () => boolean): Promise<void> {
      const deadline = clock.now() + patienceMs;
      for (;;) {
        await clock.runUntil(() => isTrue() || pauses.length > 0, { limitMs: deadline - clock.now() });
        if (pauses.length === 0) return;
        for (const work of pauses.splice(0)) await work();
      }
    },
  };
}

function defectLog(defects: string[]): NonNullable<CoordinatorOptions['log']> {
  const error = (fields: object, message: string) => void defects.push(`${message}: ${JSON.stringify(fields)}`);
  return { error, warn() {}, info() {}, debug() {} };
}
