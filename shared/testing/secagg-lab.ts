/** A cohort for tests and attacks: keys, credentials, a plan, and everything with which machines start. */

import { type Bytes, bytes, equal, utf8 } from '../bytes.ts';
import type { CryptoJob, CryptoProvider, ResultOf, SignedText } from '../crypto/index.ts';
import { hkdf, sha256 } from '../crypto/index.ts';
import type { EncodedVector } from '../encoding/encoded-vector.ts';
import { invariant } from '../errors.ts';
import { type DeviceId, deviceIdFromBytes, idFromBytes } from '../ids.ts';
import type { Instant } from '../ports.ts';
import type { ClientSetup } from '../secagg/client.ts';
import { credentialText, deviceIdOf, encodeCredential } from '../secagg/credential.ts';
import type { DeviceFloors } from '../secagg/floors.ts';
import { encodePlan, type Plan } from '../secagg/plan.ts';
import type { CohortOutcome, ServerOutcome, ServerSetup } from '../secagg/server.ts';
import { addModulo } from '../vectors.ts';

export const labStart: Instant = Date.UTC(2024, 0, 1);

/** Floors that accept small cohorts; what an attack must not get past is set by the test. */
export const labFloors: DeviceFloors = {
  minCorruptBasisPoints: 0,
  maxDropoutBasisPoints: 5000,
  minSigma: 1,
  minCohort: 3,
  minRoundDevices: 0,
  minHonest: 1,
  mechanisms: ['none', 'central', 'distributed'],
  minNoiseMultiplier: 0,
};

export const labTask = idFromBytes('task', bytes(16).fill(7));

export const labPlan: Plan = {
  task: labTask,
  round: 1n,
  openedAt: labStart,
  limits: {
    advertiseMs: 10_000,
    dealMs: 10_000,
    acknowledgeMs: 10_000,
    maskedInputMs: 60_000,
    certifyMs: 10_000,
    unmaskMs: 10_000,
  },
  broadcastHash: sha256(utf8('broadcast')),
  algorithmHash: sha256(utf8('algorithm')),
  policyHash: sha256(utf8('policy')),
  logHead: bytes(32),
  logSize: 0n,
  dimension: 8,
  bits: 32,
  mechanism: 'none',
  segmentCount: 1,
  inverseGrid: 1 << 20,
  noiseNumerator: 0,
  noiseDenominator: 1,
  sensitivitySquared: 1n << 40n,
  corruptBasisPoints: 1000,
  dropoutBasisPoints: 3000,
  sigma: 40,
  eta: 30,
  minDevices: 3,
  maxDevices: 1024,
  floor: 3,
};

export type LabOptions = {
  readonly provider: CryptoProvider;
  readonly devices: number;
  /** G; 1 unless said. */
  readonly cohorts?: number;
  /** Seeds every key and vector. */
  readonly seed: string;
  readonly plan?: Partial<Plan>;
  readonly floors?: Partial<DeviceFloors>;
  /** σ_c²; 0n unless said. */
  readonly noiseVariance?: ServerSetup['noiseVariance'];
  /** The vector of the device at an index, within ±2^20, asked for anew at every use; drawn and kept unless said. */
  readonly contribution?: (index: number) => Uint32Array<ArrayBuffer>;
};

export type Lab = {
  readonly plan: Plan;
  readonly planBytes: Bytes;
  readonly server: ServerSetup;
  readonly clients: readonly ClientSetup[];
  readonly ids: readonly DeviceId[];
  /** Secrets of the authorities, for attacks that hold them. */
  readonly planSecretKey: Bytes;
  readonly enrolmentSecretKey: Bytes;
  readonly vectorOf: (device: DeviceId) => Uint32Array<ArrayBuffer>;
  /** What the round must give, exactly. */
  readonly sumOf: (devices: readonly DeviceId[]) => Uint32Array<ArrayBuffer>;
};

const amplitude = 1 << 20;

export async function secaggLab(options: LabOptions): Promise<Lab> {
  const { provider, devices, cohorts = 1, seed, noiseVariance = () => 0n } = options;
  const plan: Plan = { ...labPlan, ...options.plan };
  const planBytes = encodePlan(plan);
  const derive = (label: string, length = 32) => hkdf(utf8(seed), bytes(0), utf8(label), length);
  const planSecretKey = derive('plan key');
  const enrolmentSecretKey = derive('enrolment key');
  const identitySecrets = Array.from({ length: devices }, (_, i) => derive(`identity ${i}`));
  const { signing } = await perform(provider, {
    do: 'publicKeys',
    agreement: [],
    signing: [planSecretKey, enrolmentSecretKey, ...identitySecrets],
  });
  const [planKey, enrolmentKey, ...identityKeys] = signing;
  const deviceIds = identityKeys.map((key) => deviceIdOf(plan.task, key));
  const day = 19_000;
  const { signatures } = await perform(provider, {
    do: 'signMany',
    secretKey: enrolmentSecretKey,
    messages: identityKeys.map((identityKey, i) =>
      credentialText({ task: plan.task, deviceId: deviceIds[i]!, identityKey }, day),
    ),
  });
  const ids = deviceIds.map(deviceIdFromBytes);
  const { contribution = drawnVectors(devices, plan.dimension, derive) } = options;
  const indexOf = new Map(ids.map((id, i) => [id, i]));
  const vectorOf = (device: DeviceId) => contribution(indexOf.get(device)!);
  const clients = ids.map(
    (id, i): ClientSetup => ({
      plan,
      planBytes,
      planKey: planKey!,
      enrolmentKey: enrolmentKey!,
      identity: { secretKey: identitySecrets[i]!, publicKey: identityKeys[i]!, deviceId: deviceIds[i]! },
      credential: encodeCredential({ day, signature: signatures[i]! }),
      floors: { ...labFloors, ...options.floors },
      seed: derive(`round ${i}`),
      // Outside the pipeline, because a test must know the vector exactly.
      encode: () => vectorOf(id) as EncodedVector,
    }),
  );
  const server: ServerSetup = {
    plan,
    planBytes,
    planSecretKey,
    enrolmentKey: enrolmentKey!,
    invited: ids,
    cohort: Math.ceil(devices / cohorts),
    cohorts,
    noiseVariance,
    amplitude,
  };
  const sumOf = (members: readonly DeviceId[]) => {
    const sum = new Uint32Array(plan.dimension);
    for (const device of members) addModulo(sum, vectorOf(device));
    return sum;
  };
  return { plan, planBytes, server, clients, ids, planSecretKey, enrolmentSecretKey, vectorOf, sumOf };
}

function drawnVectors(
  devices: number,
  dimension: number,
  derive: (label: string, length?: number) => Bytes,
): (index: number) => Uint32Array<ArrayBuffer> {
  const vectors = Array.from({ length: devices }, (_, i) =>
    vectorFrom((length) => derive(`vector ${i}`, length), dimension),
  );
  return (index) => vectors[index]!.slice();
}

/** Signed numbers within the amplitude, from a byte source. */
function vectorFrom(source: (length: number) => Bytes, dimension: number): Uint32Array<ArrayBuffer> {
  const random = source(32);
  return Uint32Array.from({ length: dimension }, (_, i) => {
    const word = new DataView(sha256(random, utf8(String(i))).buffer).getUint32(0);
    return ((word % (2 * amplitude + 1)) - amplitude) >>> 0;
  });
}

/** How a round ended for its first cohort: in most tests there is no other. */
export function firstCohort(outcome: ServerOutcome): CohortOutcome {
  return outcome.kind === 'abandoned' ? outcome : outcome.cohorts[0]!;
}

/** The result of a job that can be done. @throws invariant where it cannot */
export async function perform<Job extends CryptoJob>(provider: CryptoProvider, job: Job): Promise<ResultOf<Job>> {
  const result = await provider.perform(job);
  invariant(result.did === job.do, result.did === 'fail' ? result.reason : 'the result of another job');
  return result as ResultOf<Job>;
}

/**
 * Remembers every verified signature: the devices of one process verify the same ones, and tests run many rounds of the
 * same cohort. Verdicts stay those of the provider.
 */
export function rememberingVerdicts(provider: CryptoProvider): CryptoProvider {
  const verdicts = new Map<string, Verdict>();
  const verdictOn = (signed: SignedText) => {
    const verdict = verdicts.get(nameOf(signed));
    return verdict !== undefined && isSame(verdict.signed, signed) ? verdict : undefined;
  };
  return {
    name: provider.name,
    async perform(job) {
      if (job.do !== 'verifyMany') return provider.perform(job);
      const known = job.signatures.map(verdictOn);
      const fresh = job.signatures.filter((_, i) => known[i] === undefined);
      const { valid } = await perform(provider, { do: 'verifyMany', signatures: fresh });
      fresh.forEach((signed, i) => {
        verdicts.set(nameOf(signed), { signed, valid: valid[i]! });
      });
      const found = valid.values();
      return { did: 'verifyMany', valid: known.map((verdict) => verdict?.valid ?? found.next().value!) };
    },
  };
}

type Verdict = { readonly signed: SignedText; readonly valid: boolean };

/** Short, and hardly ever the same for two texts: whether it is, is looked at. */
function nameOf({ signature }: SignedText): string {
  return String.fromCharCode(...signature);
}

function isSame(a: SignedText, b: SignedText): boolean {
  return equal(a.signature, b.signature) && equal(a.publicKey, b.publicKey) && equal(a.message, b.message);
}
