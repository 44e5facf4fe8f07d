/**
 * The full simulator: a real coordinator and real clients, on a network in memory and a virtual clock. One seed decides
 * everything that happens, so that the same seed gives the same bytes.
 */

import type { ChoraleOptions } from '@chorale/client';
import { type Coordinator, type CoordinatorOptions, rootKeyOf } from '@chorale/coordinator';
import type { Packet } from '@chorale/shared';
import { nodeCrypto } from '@chorale/shared/adapters/node';
import type { CryptoProvider } from '@chorale/shared/crypto';
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
import { WorldCoordinator } from './world/coordinator.ts';
import { type Memory, WorldDevice } from './world/device.ts';
import { weatheredFetch } from './world/route-fetch.ts';
import type { Seen, Watch } from './world/seen.ts';
import { runTask, type TaskRun } from './world/task-run.ts';
import { fairWeather, type LeavingMoment, type Weather } from './world/weather.ts';

export { type Memory, rowSource } from './world/device.ts';
export { type CommittedRound, replayOf, type Survivor, type TaskRun } from './world/task-run.ts';
export type { LeavingMoment } from './world/weather.ts';

export type WorldOptions = {
  readonly seed: string | number;
  /** What each device knows; a device is its place in this list. */
  readonly devices: readonly Memory[];
  readonly trainer: Trainer;
  /** Of every device's link; perfect unless said. */
  readonly faults?: Partial<LinkFaults>;
  /** Asked before a device answers a turn: it crashes instead, and starts again on the same disk. Nobody unless said. */
  readonly leaves?: (moment: LeavingMoment) => boolean;
  /** What else befalls the world; nothing unless said. It must be fair as long as the world is made. */
  readonly weather?: Weather;
  /** Sees everything. */
  readonly watch?: Watch;
  /** What a device says in place of what its client means to say. */
  readonly bend?: (packet: Packet, device: number) => Packet;
  /** The devices' own floors; the lowest that an app may set unless said, since worlds are small. */
  readonly floors?: ChoraleOptions['floors'];
  readonly refreshSeconds?: number;
  readonly rounds?: CoordinatorOptions['rounds'];
  /** Node's own unless said. */
  readonly crypto?: CryptoProvider;
};

export interface World {
  readonly clock: VirtualClock;
  readonly network: LoopbackNetwork;
  readonly coordinator: WorldCoordinator;
  readonly devices: readonly WorldDevice[];
  /** What a log of the coordinator would show an operator as defects. */
  readonly defects: readonly string[];
  /** Creates a task and lets time pass until it is done. @throws Error that names the seed where it never is */
  runTask(task: NewTask): Promise<TaskRun>;
  /** Lets time pass until the claim holds. @throws invariant where that takes longer than `limitMs` */
  runUntil(isTrue: () => boolean, limitMs: number): Promise<void>;
  close(): Promise<void>;
}

const lowestFloors = { minCohort: 10, minHonest: 5 };
/** Longer than any round lasts, silent devices and pauses after abandoned rounds included. */
const patienceMs = 3_600_000;

/** Starts the coordinator, then one device after the other; no time passes. */
export async function createWorld(options: WorldOptions): Promise<World> {
  const { seed, trainer, faults = {}, floors = lowestFloors, refreshSeconds, rounds = {} } = options;
  const { watch = () => {}, bend = (packet) => packet } = options;
  const random = seededRandom(seed);
  const clock = virtualClock();
  const crypto = rememberingVerdicts(options.crypto ?? nodeCrypto());
  const weather = weatherOf(options);
  const time = pausingTime(clock);
  const record = recorded(watch);

  const coordinator = new WorldCoordinator({
    ...{ clock, crypto, rounds, weather, watch: record.watch, random: random.fork('coordinator') },
    // Rounds follow one another as they never do in life.
    limits: { packetsPerMinute: 1_000_000 },
    disconnect: (link) => network.disconnect(link),
    onDeath: () => clock.wakeAt(clock.now() + weather.awayMs('coordinator'), comeBack),
  });
  // Where the store refuses, the process ends, and whoever watches over it tries again.
  const comeBack = () => void coordinator.start().catch(() => undefined);
  const network = loopbackNetwork({ clock, faults, random: random.fork('network'), server: coordinator });
  await coordinator.start();
  const pinned = pinnedBy(runningIn(coordinator));
  const devices = options.devices.map(
    (memory, index) =>
      new WorldDevice({
        ...{
          index,
          memory,
          clock,
          crypto,
          trainer,
          network,
          floors,
          refreshSeconds,
          weather,
          bend,
          watch: record.watch,
        },
        random: random.fork(`device ${index}`),
        fetch: weatheredFetch({
          clock,
          serve: (work) => coordinator.serve(work),
          fateOf: () => weather.http(index),
          onAsked: (request) => record.watch({ see: 'asked', device: index, ...request }),
          onAnswered: (request, status) => record.watch({ see: 'answered', device: index, status, ...request }),
        }),
        coordinator: pinned,
        onCrash: (device) =>
          void clock.wakeAt(clock.now() + weather.awayMs(index), () => time.pauseFor(() => device.start())),
      }),
  );
  for (const device of devices) await device.join();

  const untilCommit = () => {
    const before = record.commits;
    return time.runUntil(() => record.commits > before, patienceMs);
  };
  return {
    ...{ clock, network, coordinator, devices, defects: record.defects, runUntil: time.runUntil },
    runTask: (task) =>
      runTask(task, { coordinator: () => runningIn(coordinator), devices, untilCommit }).catch((cause: unknown) => {
        const said = devices.flatMap(({ index, errors }) => errors.map(({ message }) => `device ${index}: ${message}`));
        throw new Error([`seed ${seed}: ${cause}`, ...record.defects, ...said.slice(-5)].join('\n'), { cause });
      }),
    async close() {
      for (const device of devices) await device.close();
      await coordinator.close();
    },
  };
}

function weatherOf({ weather = fairWeather, leaves }: WorldOptions): Weather {
  if (leaves === undefined) return weather;
  return { ...weather, leaves: (moment) => (leaves(moment) ? 'before' : weather.leaves(moment)) };
}

/** @throws Error while it is down */
function runningIn({ running }: WorldCoordinator): Coordinator {
  if (running === undefined) throw new Error('the coordinator is down');
  return running;
}

/** What an app knows of its coordinator before it has spoken to it. */
function pinnedBy(coordinator: Coordinator): Pick<ChoraleOptions, 'clientKey' | 'coordinatorKey'> {
  return { clientKey: coordinator.keyring.publishableKey, coordinatorKey: rootKeyOf(coordinator) };
}

/** Counts and keeps what every world wants to know of what happens. */
function recorded(watch: Watch) {
  const defects: string[] = [];
  const record = {
    commits: 0,
    defects,
    watch(seen: Seen) {
      if (seen.see === 'step' && seen.moment.at === 'committed') record.commits++;
      if (seen.see === 'defect' && seen.who === 'coordinator') defects.push(JSON.stringify(seen.error));
      watch(seen);
    },
  };
  return record;
}

/** Virtual time that stands still while a client loads its code: that takes real time, which must not become chance. */
function pausingTime(clock: VirtualClock) {
  const pauses: (() => Promise<void>)[] = [];
  return {
    pauseFor: (work: () => Promise<void>) => void pauses.push(work),
    async runUntil(isTrue: () => boolean, limitMs: number): Promise<void> {
      const deadline = clock.now() + limitMs;
      for (;;) {
        await clock.runUntil(() => isTrue() || pauses.length > 0, { limitMs: deadline - clock.now() });
        if (pauses.length === 0) return;
        for (const work of pauses.splice(0)) await work();
      }
    },
  };
}
