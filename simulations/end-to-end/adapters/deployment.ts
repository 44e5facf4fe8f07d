/** A coordinator process, a wire-tap before it, and a crew of real devices that reach it only through the tap. */

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTfjsTrainer } from '@chorale/client/training';
import { concat, utf8 } from '@chorale/shared';
import { nodeCrypto, openLevelStore } from '@chorale/shared/adapters/node';
import type { CryptoProvider } from '@chorale/shared/crypto';
import type { NewTask, RoundView, TaskView } from '@chorale/shared/wire';
import { startCoordinatorProcess } from '../../adapters/coordinator-process.ts';
import type { Customer } from '../../datasets/dataset.ts';
import { createOperator, type Operator } from '../../quickstart/operator.ts';
import { Device } from '../device.ts';
import type { Haystack } from '../search.ts';
import { readSpeech, type Speech, wordsOf } from '../traffic.ts';
import { startRecordingProxy } from './recording-proxy.ts';

export interface Deployment {
  readonly operator: Operator;
  readonly devices: readonly Device[];
  /** Creates a task, lets every device find it, and waits until so many rounds have ended. */
  run(task: NewTask): Promise<{ readonly task: TaskView; readonly rounds: readonly RoundView[] }>;
  /** Everything that went over the wire so far, by side. */
  speeches(): readonly { readonly up: Speech; readonly down: Speech }[];
  traffic(): readonly Haystack[];
  log(): Haystack;
  /** Ends everything that runs, then reads what the coordinator has kept: records, and files as they are. */
  endAndReadStore(): Promise<readonly Haystack[]>;
  close(): Promise<void>;
}

export type DeploymentOptions = { readonly people: readonly Customer[]; readonly crypto?: CryptoProvider };

export async function openDeployment({ people, crypto = nodeCrypto() }: DeploymentOptions): Promise<Deployment> {
  const directory = await mkdtemp(join(tmpdir(), 'chorale-deployment-'));
  const undo: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  const end = async () => {
    for (const step of undo.splice(1).reverse()) await step();
  };
  const close = async () => {
    await end();
    for (const step of undo.splice(0)) await step();
  };
  try {
    const storeDir = join(directory, 'coordinator');
    const coordinator = await startCoordinatorProcess({ storeDir, logLevel: 'debug' });
    undo.push(() => coordinator.stop());
    const tap = await startRecordingProxy(coordinator.url);
    undo.push(() => tap.close());
    const trainer = await createTfjsTrainer();
    const access = { url: tap.url, publishableKey: coordinator.publishableKey, rootKey: coordinator.rootKey };
    const devices = people.map(
      (person, i) => new Device({ access, person, storage: join(directory, `device-${i}`), crypto, trainer }),
    );
    undo.push(() => Promise.all(devices.map((device) => device.close())));
    await Promise.all(devices.map((device) => device.join()));
    const operator = createOperator({ url: tap.url, adminKey: coordinator.adminKey! });
    const speeches = () => tap.recordings().map(({ up, down }) => ({ up: readSpeech(up), down: readSpeech(down) }));
    return {
      ...{ operator, devices, speeches, close },
      run: (task) => runTask(task, operator, devices, coordinator.log),
      traffic: () =>
        speeches().flatMap(({ up, down }, i) => [
          { name: `connection ${i}, up`, bytes: wordsOf(up) },
          { name: `connection ${i}, down`, bytes: wordsOf(down) },
        ]),
      log: () => ({ name: 'log', bytes: utf8(coordinator.log()) }),
      async endAndReadStore() {
        await end();
        return [...(await recordsOf(storeDir)), ...(await filesOf(storeDir))];
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function runTask(newTask: NewTask, operator: Operator, devices: readonly Device[], log: () => string) {
  const { id } = await operator.createTask(newTask);
  await Promise.all(devices.map((device) => device.refresh()));
  for (let look = 0; look < 600; look++) {
    const task = await operator.task(id);
    if (task.roundsCommitted + task.roundsAbandoned > 0) return { task, rounds: await operator.rounds(id) };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const said = devices.flatMap(({ errors }) => errors.map(({ message }) => message));
  throw new Error(
    `no round of ${newTask.name} ended; devices: ${said.slice(0, 3)}; coordinator: ${log().slice(-2000)}`,
  );
}

async function recordsOf(storeDir: string): Promise<Haystack[]> {
  const store = await openLevelStore(storeDir);
  try {
    const entries = await store.range({ from: '', to: '\uffff' });
    return entries.map(({ key, value }) => ({ name: `record ${key}`, bytes: concat(utf8(`${key}\n`), value) }));
  } finally {
    await store.close();
  }
}

async function filesOf(storeDir: string): Promise<Haystack[]> {
  const names = await readdir(storeDir);
  return Promise.all(
    names.map(async (name) => ({ name: `file ${name}`, bytes: await readFile(join(storeDir, name)) })),
  );
}
