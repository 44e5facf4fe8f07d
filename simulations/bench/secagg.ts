/**
 * Secure aggregation: whole rounds, and what one device and the coordinator spend in them.
 *
 * Parameters are those of deployments: γ = .1, δ = .3, σ = 80. Devices know the credentials of their cohort from earlier
 * rounds unless the case says otherwise. Devices that drop out leave when their masked vector is due, the worst moment:
 * their mask keys must then be opened. A device and the coordinator are measured alone, on messages that were recorded in
 * a round; in large cohorts these come from a crowd that knows all secrets and so plays its part quickly.
 *
 * The control is what the ciphers that the case asked for would take with nothing around them. A sum that is not exact
 * fails the run.
 */

import type { DeviceId } from '@chorale/shared';
import { cryptoPool, nodeCrypto } from '@chorale/shared/adapters/node';
import {
  type ClientSetup,
  type CohortOutcome,
  credentialName,
  signedCredential,
  verifiedCredentials,
} from '@chorale/shared/secagg';
import { type Lab, secaggCrowd, secaggLab } from '@chorale/shared/testing';
import type { BenchGroup, BenchOptions, Measurement } from './measurement.ts';
import { bareCost, counting, measureCiphers } from './raw-ciphers.ts';
import { crowdParty, playRound, type Recording, realParty, replayCoordinator, replayDevice } from './round.ts';
import { leastOf, longestBlock } from './stopwatch.ts';

export const secaggGroup: BenchGroup = async function* (options) {
  yield* wholeRound(options);
  yield* deviceAndCoordinator(options, { devices: 100, neighbours: 72, dimension: 10_000, dropPercent: 10 });
  yield* deviceAndCoordinator(options, { devices: 256, neighbours: 138, dimension: 10_000, dropPercent: 10 });
  if (options.isQuick) return;
  yield* deviceAndCoordinator(options, { devices: 1000, neighbours: 262, dimension: 10_000, dropPercent: 10 });
  yield* largestCohort(options, { devices: 1000, neighbours: 262, dimension: 100_000, dropPercent: 30 });
};

type Cohort = {
  readonly devices: number;
  /** What the parameters must come to. */
  readonly neighbours: number;
  readonly dimension: number;
  readonly dropPercent: number;
};

const plan = { corruptBasisPoints: 1000, dropoutBasisPoints: 3000, sigma: 80, eta: 30 };
const ciphersAlone = 'its ciphers alone';

/** Every device with its real machine, and the coordinator, in this process; two threads lend a hand. */
async function* wholeRound({ isQuick, note }: BenchOptions): AsyncGenerator<Measurement> {
  const cohort = { devices: 100, neighbours: 72, dimension: 10_000, dropPercent: 10 };
  const lab = await labOf(cohort);
  const leaving = leavingFrom(lab, cohort);
  const known = credentialsOf(lab);
  const clients = lab.clients.map((setup): ClientSetup => ({ ...setup, knownCredentials: known }));
  const pool = cryptoPool({ size: 2 });
  const counts = counting(nodeCrypto());
  const play = (provider = pool as typeof counts | typeof pool, setups: readonly ClientSetup[] = clients) =>
    playRound({
      server: lab.server,
      parties: setups.map((setup, i) => realParty(lab.ids[i]!, setup, provider)),
      provider,
      leaving,
    });
  note('secagg: 100 real devices and their coordinator …');
  requireExact(lab, leaving, (await play(counts)).outcome);
  const costs = await measureCiphers(4 * cohort.dimension);
  const control = bareCost(counts.counts, costs) / 1000;
  const warm = await leastOf(isQuick ? 2 : 4, async () => requireExact(lab, leaving, (await play()).outcome));
  yield { name: nameOf('', cohort), value: warm.wallMs / 1000, unit: 's', control, against: ciphersAlone };
  yield { name: `${nameOf('', cohort)} CPU`, value: warm.cpuMs / 1000, unit: 's', control, against: ciphersAlone };
  const cold = await leastOf(isQuick ? 1 : 2, async () => play(pool, lab.clients));
  yield {
    name: `${nameOf('', cohort)} unknown credentials`,
    value: cold.wallMs / 1000,
    unit: 's',
    control: warm.wallMs / 1000,
    against: 'known credentials',
  };
  await pool.close();
}

/** CPU of one device and of the coordinator, each alone on one thread. */
async function* deviceAndCoordinator(options: BenchOptions, cohort: Cohort): AsyncGenerator<Measurement> {
  const recorded = await record(options, cohort);
  // At the largest cohort the devices' case is the longer vector.
  if (cohort.devices < 1000) yield* oneDevice(options, cohort, recorded);
  const { lab, leaving, recording } = recorded;
  const { events } = recording;
  options.note(`secagg: the coordinator of ${cohort.devices} …`);
  const counts = counting(nodeCrypto());
  requireExact(lab, leaving, await replayCoordinator(lab.server, events, counts));
  const costs = await measureCiphers(4 * cohort.dimension);
  const runs = cohort.devices < 1000 && !options.isQuick ? 5 : 3;
  const provider = nodeCrypto();
  const { cpuMs } = await leastOf(runs, async () =>
    requireExact(lab, leaving, await replayCoordinator(lab.server, events, provider)),
  );
  const control = bareCost(counts.counts, costs) / 1000;
  yield { name: nameOf('coordinator', cohort), value: cpuMs / 1000, unit: 's', control, against: ciphersAlone };
}

/** The coordinator with two threads at its side: the time on the wall, and how long the event loop stood still. */
async function* largestCohort(options: BenchOptions, cohort: Cohort): AsyncGenerator<Measurement> {
  const recorded = await record(options, cohort);
  yield* oneDevice(options, cohort, recorded);
  const { lab, leaving, recording } = recorded;
  options.note(`secagg: the coordinator of ${cohort.devices} …`);
  const pool = cryptoPool({ size: 2 });
  const counts = counting(pool);
  const play = async (provider = pool as typeof pool | typeof counts) =>
    requireExact(lab, leaving, await replayCoordinator(lab.server, recording.events, provider));
  const blockMs = await longestBlock(() => play(counts));
  const costs = await measureCiphers(4 * cohort.dimension);
  const { wallMs } = await leastOf(2, () => play());
  await pool.close();
  const control = bareCost(counts.counts, costs) / 1000 / 2;
  const name = nameOf('coordinator', cohort);
  yield { name, value: wallMs / 1000, unit: 's', control, against: `${ciphersAlone}, on two cores` };
  yield { name: `${name} longest block`, value: blockMs, unit: 'ms', control: wallMs, against: 'the whole round' };
}

type Recorded = {
  readonly lab: Lab;
  readonly leaving: ReadonlySet<DeviceId>;
  readonly recording: Recording;
};

/** A round of one real device, the first, and the crowd. */
async function record({ note }: BenchOptions, cohort: Cohort): Promise<Recorded> {
  note(`secagg: recording a round of ${cohort.devices} × ${cohort.dimension} …`);
  const lab = await labOf(cohort);
  const leaving = leavingFrom(lab, cohort);
  const pool = cryptoPool({ size: 2 });
  const [first] = lab.ids;
  const crowd = secaggCrowd({ lab, provider: pool, real: new Set([first!]), leaving });
  const recording = await playRound({
    server: lab.server,
    parties: [realParty(first!, lab.clients[0]!, pool), ...crowd.map(crowdParty)],
    provider: pool,
    leaving,
  });
  await pool.close();
  requireExact(lab, leaving, recording.outcome);
  const { outcome } = recording;
  const chosen = outcome.kind === 'committed' ? outcome.parameters.neighbours : 0;
  if (chosen !== cohort.neighbours) throw new Error(`k = ${chosen}, not ${cohort.neighbours}`);
  return { lab, leaving, recording };
}

async function* oneDevice(
  { isQuick, note }: BenchOptions,
  cohort: Cohort,
  { lab, recording }: Recorded,
): AsyncGenerator<Measurement> {
  note(`secagg: one device of ${cohort.devices} …`);
  const { heard } = recording;
  const provider = nodeCrypto();
  const stranger = lab.clients[0]!;
  const knownCredentials = verifiedCredentials(await replayDevice(stranger, heard, provider));
  const acquainted = { ...stranger, knownCredentials };
  const counts = counting(provider);
  await replayDevice(acquainted, heard, counts);
  const costs = await measureCiphers(4 * cohort.dimension);
  const runs = isQuick ? 5 : 15;
  const warm = await leastOf(runs, () => replayDevice(acquainted, heard, provider));
  const cold = await leastOf(runs, () => replayDevice(stranger, heard, provider));
  const control = bareCost(counts.counts, costs);
  const name = `secagg device n=${cohort.devices} k=${cohort.neighbours} d=${cohort.dimension}`;
  yield { name, value: warm.cpuMs, unit: 'ms', control, against: ciphersAlone };
  const against = 'known credentials';
  yield { name: `${name} unknown credentials`, value: cold.cpuMs, unit: 'ms', control: warm.cpuMs, against };
}

function labOf({ devices, dimension }: Cohort): Promise<Lab> {
  return secaggLab({
    provider: nodeCrypto(),
    devices,
    seed: `bench ${devices}x${dimension}`,
    plan: { ...plan, dimension },
    contribution: (index) => signedWords(index, dimension),
  });
}

/** Words in [−2^20, 2^20), from a linear congruence: what they are does not matter, only that they fill their range. */
function signedWords(seed: number, length: number): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(length);
  let state = Math.imul(seed + 1, 0x9e3779b1);
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    words[i] = state >> 11;
  }
  return words;
}

/** The last devices of the list: their places on the ring are anywhere. */
function leavingFrom({ ids }: Lab, { devices, dropPercent }: Cohort): ReadonlySet<DeviceId> {
  return new Set(ids.slice(devices - Math.floor((devices * dropPercent) / 100)));
}

function credentialsOf({ clients }: Lab): ReadonlySet<string> {
  return new Set(
    clients.map(({ plan: { task }, identity, credential, enrolmentKey }) => {
      const subject = { task, deviceId: identity.deviceId, identityKey: identity.publicKey };
      return credentialName(signedCredential(subject, credential, enrolmentKey));
    }),
  );
}

function nameOf(part: 'coordinator' | '', { devices, dimension, dropPercent }: Cohort): string {
  return ['secagg', part, `${devices}x${dimension} drop ${dropPercent}%`].filter(Boolean).join(' ');
}

/** @throws Error unless the sum is that of all who stayed, in every coordinate */
function requireExact({ ids, sumOf }: Lab, leaving: ReadonlySet<DeviceId>, outcome: CohortOutcome): void {
  if (outcome.kind !== 'committed') throw new Error(`the round was abandoned: ${outcome.reason} at ${outcome.turn}`);
  const stayed = ids.filter((id) => !leaving.has(id));
  if (new Set(outcome.survivors).size !== stayed.length) throw new Error('the survivors are not those who stayed');
  const expected = sumOf(stayed);
  if (outcome.sum.some((word, i) => word !== expected[i])) throw new Error('the sum is not exact');
}
