/** The quickstart's story: people's devices, a coordinator, three tasks, and the check of what came out. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChoraleError, hex, invariant, wordsToBytes } from '@chorale/shared';
import { moments } from '@chorale/shared/algorithms';
import { sha256 } from '@chorale/shared/crypto';
import { labelledSnapshots } from '@chorale/shared/features';
import { modelSpec, type Standardization } from '@chorale/shared/models';
import { seededRandom } from '@chorale/shared/testing';
import type { NewTask, RoundView } from '@chorale/shared/wire';
import { startCoordinatorProcess } from '../adapters/coordinator-process.ts';
import { dataDirectory } from '../config.ts';
import type { Customer, Dataset } from '../datasets/dataset.ts';
import { locateDataset } from '../datasets/locate.ts';
import { type PropensityTask, tasks } from '../datasets/tasks.ts';
import type { Progress } from '../report/progress.ts';
import { compare } from './comparison.ts';
import { type Hosts, startHosts } from './hosts.ts';
import { createOperator, type Operator } from './operator.ts';
import type { QuickstartOptions } from './options.ts';
import { droppedByTurn, type QuickstartResult } from './result.ts';
import { committedOf, runTask } from './run-task.ts';
import { evaluationTask, momentsTask, type Setting, trainingTask } from './tasks.ts';

export type Stage = {
  readonly progress: Progress;
  readonly say: (line: string) => void;
  /** Undone in reverse order at the end, after an error and at Ctrl-C. */
  readonly onCleanUp: (undo: () => Promise<void>) => void;
};

export type Report = {
  readonly result: QuickstartResult;
  readonly url: string;
  /** What a device needs to join this coordinator. */
  readonly publishableKey: string;
  readonly rootKey: string;
  /** Devices in the sum that was checked. */
  readonly survivors: number;
  readonly majority: number;
};

/**
 * @param stage where the run may speak and what it must undo
 * @throws ChoraleError, or Error with what is known of a run that got stuck
 */
export async function runQuickstart(options: QuickstartOptions, stage: Stage): Promise<Report> {
  const { progress, say, onCleanUp } = stage;
  const startedAt = performance.now();
  const dataset = await locateDataset(options.data, { directory: dataDirectory(), seed: options.seed });
  const task = tasks[dataset.name]['purchase-7d'];
  const customers = chooseCustomers(dataset, task, options);
  say(
    `Data        ${dataset.origin}: ${dataset.customers.length} customers, ${customers.length} of them with a device here`,
  );

  const directory = await mkdtemp(join(tmpdir(), 'chorale-quickstart-'));
  onCleanUp(() => rm(directory, { recursive: true, force: true }));
  const coordinator = await startCoordinatorProcess({ storeDir: join(directory, 'coordinator') });
  onCleanUp(() => coordinator.stop());
  const { url, adminKey } = coordinator;
  invariant(adminKey, 'a new store shows its administrator key');
  const operator = createOperator({ url, adminKey });
  say(`Coordinator ${url}, a process of its own; its status page is there while this runs`);

  const { hosts, failures } = await startDevices(customers, directory, coordinator, stage);
  const setting: Setting = { devices: options.devices, cohort: options.cohort, rounds: options.rounds, ...task };
  const run = (name: string, newTask: NewTask, rounds: number, silentRound?: number) =>
    runTask({ name, newTask, rounds, silentRound }, { operator, hosts, progress, log: coordinator.log, failures });

  const spread = await run('moments', momentsTask(setting), 1);
  const state = moments.state.parse(await operator.state(spread.task.id));
  const silentRound = Math.ceil(options.rounds / 2);
  const training = await run('training', trainingTask(setting, state), options.rounds, silentRound);
  const manifest = await operator.latestModel(training.task.id);
  const parameters = await operator.parameters(manifest);
  const evaluation = await run('evaluation', evaluationTask(setting, manifest, parameters), 1);

  progress.begin('checking', 2);
  const check = await checkSum(training.rounds, operator, hosts);
  progress.advance(1);
  const comparison = compare(dataset, task, customers, {
    spec: modelSpec.parse(manifest.spec),
    parameters,
    standardization: manifest.standardization as Standardization | undefined,
  });
  progress.advance(2);
  progress.end();

  const { up, down } = await hosts.bytes();
  const allRounds = [spread, training, evaluation].flatMap(({ rounds }) => rounds);
  const trained = committedOf(training.rounds);
  const dropped = droppedByTurn(trained);
  const { federated, central, localOnly, baseRate } = comparison;
  const result: QuickstartResult = {
    dataset: dataset.name,
    devices: customers.length,
    cohort: options.cohort,
    rounds: trained.length,
    committed: committedOf(allRounds).length,
    abandoned: allRounds.filter(({ state }) => state === 'abandoned').length,
    dropped: Object.values(dropped).reduce((sum, count) => sum + count),
    droppedByTurn: dropped,
    exact: check.exact,
    secureAggregation: true,
    auc: {
      federated: federated.auc,
      central: central.auc,
      localOnly: localOnly.auc,
      secure: Number(evaluation.task.summary?.auc),
    },
    logLoss: {
      federated: federated.logLoss,
      central: central.logLoss,
      localOnly: localOnly.logLoss,
      baseRate: baseRate.logLoss,
    },
    bytesUpPerDevice: Math.round(up / customers.length),
    bytesDownPerDevice: Math.round(down / customers.length),
    backend: await hosts.backend(),
    seconds: Math.round((performance.now() - startedAt) / 100) / 10,
  };
  const { publishableKey, rootKey } = coordinator;
  return { result, url, publishableKey, rootKey, survivors: check.survivors, majority: federated.majorityAccuracy };
}

/** Customers with something to learn from, chosen by the seed. */
function chooseCustomers(
  { customers, seenUntil }: Dataset,
  task: PropensityTask,
  options: QuickstartOptions,
): Customer[] {
  const usable = customers.filter(({ events }) => labelledSnapshots(events, task.train, seenUntil).length > 0);
  if (usable.length < options.devices)
    throw new ChoraleError(
      'invalid-input',
      `Only ${usable.length} customers have a history to learn from; ask for fewer --devices.`,
    );
  return seededRandom(`quickstart/${options.seed}`).shuffle(usable).slice(0, options.devices);
}

async function startDevices(
  customers: readonly Customer[],
  directory: string,
  { url, publishableKey, rootKey }: { url: string; publishableKey: string; rootKey: string },
  { progress, say, onCleanUp }: Stage,
): Promise<{ hosts: Hosts; failures: string[] }> {
  const failures: string[] = [];
  let joined = 0;
  progress.begin('devices', customers.length);
  const hosts = startHosts({
    customers,
    directory,
    host: url,
    clientKey: publishableKey,
    coordinatorKey: rootKey,
    awayMs: 1_500,
    threads: 2,
    onJoined: () => progress.advance(++joined),
    onError: (message) => failures.push(message),
  });
  onCleanUp(() => hosts.close());
  say(`Trainer     ${await hosts.backend()}`);
  await hosts.join();
  progress.end();
  return { hosts, failures };
}

/** Recomputes the last training round's integers from the survivors' own data and compares the sums' hashes. */
async function checkSum(rounds: readonly RoundView[], operator: Operator, hosts: Hosts) {
  const round = committedOf(rounds).at(-1);
  invariant(round, 'a training that is done has committed rounds');
  const { cohorts } = await operator.transcript(round.id);
  // The quickstart's rounds are of one cohort.
  const { survivors, sumSha256 } = cohorts[0]!;
  const { sum, found } = await hosts.recompute({ task: round.task, round: round.number, survivors });
  const exact = found === survivors.length && hex(sha256(wordsToBytes(sum))) === sumSha256;
  return { exact, survivors: survivors.length };
}
