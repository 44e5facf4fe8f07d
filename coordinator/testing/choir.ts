/** A coordinator and scripted devices in one process: loopback network, virtual clock, nothing outside. */

import type { DeviceId, Store } from '@chorale/shared';
import { memoryStore, nodeCrypto } from '@chorale/shared/adapters/node';
import {
  loopbackNetwork,
  type SeededRandom,
  seededRandom,
  type VirtualClock,
  virtualClock,
} from '@chorale/shared/testing';
import type { NewTask } from '@chorale/shared/wire';
import { type Coordinator, type CoordinatorOptions, createCoordinator } from '../app.ts';
import { type Task, viewOfTask } from '../tasks/task.ts';
import { ScriptedDevice, type ScriptedDeviceOptions } from './scripted-device.ts';

export type Choir = {
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly coordinator: Coordinator;
  /** Enrols a device and lets it check in. */
  join(task: Task, options?: Partial<ScriptedDeviceOptions>): Promise<ScriptedDevice>;
  /** A connection of its own for a device. */
  transportOf(task: Task, device: ScriptedDevice): ReturnType<ReturnType<typeof loopbackNetwork>['transport']>;
  /** Cuts the device's connection without a word. */
  breakLink(device: ScriptedDevice): void;
  /** Lets time pass until so many rounds of the task have ended. */
  untilRounds(task: Task, count: number): Promise<Task>;
};

export const provider = nodeCrypto();

export async function openChoir(
  options: Partial<CoordinatorOptions> & { seed?: string; clock?: VirtualClock } = {},
): Promise<Choir> {
  const { seed = 'choir', store = memoryStore(), clock = virtualClock(), ...rest } = options;
  const random = seededRandom(seed);
  const coordinator = await createCoordinator({
    store,
    clock,
    random: random.fork('coordinator'),
    crypto: provider,
    ...rest,
  });
  let joined = 0;
  let links = 0;

  const networks = new Map<ScriptedDevice, ReturnType<typeof loopbackNetwork>>();
  const transportOf: Choir['transportOf'] = (task, device) => {
    const network = loopbackNetwork({
      clock,
      random: random.fork(`link ${links++}`),
      server: {
        connect: ({ push, close }) =>
          coordinator.connect({ task: task.id, device: device.id as DeviceId, push, close }),
      },
    });
    networks.set(device, network);
    return network.transport(device.id);
  };

  return {
    ...{ clock, random, coordinator, transportOf },
    async join(task, changes = {}) {
      const own = random.fork(`device ${joined++}`);
      const device = await ScriptedDevice.create({
        ...{ task: viewOfTask(task), clock, crypto: provider, random: own },
        enrolmentKey: coordinator.keyring.enrolmentKey.publicKey,
        examples: [{ features: Float32Array.of(own.uniform(), own.uniform()), label: own.below(2) }],
        ...changes,
      });
      device.useCredential((await coordinator.devices.enrol(await device.enrolment())).credential);
      await clock.run(device.connect(transportOf(task, device)));
      return device;
    },
    breakLink: (device) => networks.get(device)?.disconnect(device.id),
    async untilRounds(task, count) {
      let current = task;
      const isReached = () => current.roundsCommitted + current.roundsAbandoned >= count;
      for (let step = 0; !isReached() && step < 10_000; step++) {
        await clock.advance(50);
        current = await coordinator.tasks.get(task.id);
      }
      if (!isReached()) throw new Error(`seed ${seed}: the rounds did not end`);
      return current;
    },
  };
}

/** Two features, a few devices, no noise: the smallest task that learns a model. */
export function learningTask(changes: Partial<NewTask> = {}): NewTask {
  return {
    name: 'Propensity',
    purpose: 'training',
    algorithm: 'fed-avg/1',
    config: {
      spec: { family: 'linear', inputs: 2, output: 'sigmoid' },
      client: { learningRate: 0.5 },
      server: { optimizer: 'sgd', learningRate: 1 },
      clipNorm: 10,
      rounds: 3,
    },
    examples: { source: 'rows/1' },
    consentPolicy: { language: 'en', text: 'We add up, we do not look.' },
    privacy: { mechanism: 'none' },
    cohort: { size: 5, minSize: 4, count: 1, corrupt: 0, dropout: 0.2, sigma: 40, eta: 20 },
    merge: { rule: 'sum' },
    intervalMs: 0,
    ...changes,
  };
}

/** A store that refuses the batches that it is told to refuse. */
export function failingStore(
  inner: Store,
): Store & { failWhen(isRefused: (keys: readonly string[]) => boolean): void } {
  let fails: (keys: readonly string[]) => boolean = () => false;
  return {
    ...inner,
    async batch(writes) {
      if (fails(writes.map(({ key }) => key))) throw new Error('the disk is gone');
      await inner.batch(writes);
    },
    failWhen(isRefused) {
      fails = isRefused;
    },
  };
}
