/** What an app tells `createClient`: checked once, then frozen. */

import type { Bytes, Clock, Random, Store, TaskId, Transport } from '@chorale/shared';
import { fromBase64url } from '@chorale/shared';
import type { AnyAlgorithm } from '@chorale/shared/algorithms';
import { purposes } from '@chorale/shared/consent';
import type { CryptoProvider } from '@chorale/shared/crypto';
import type { ChoraleEvent } from '@chorale/shared/features';
import type { Trainer } from '@chorale/shared/models';
import { type DeviceFloors, mostOnRoll, trainingFloors } from '@chorale/shared/secagg';
import { bytesField, type Handshake, parseInput } from '@chorale/shared/wire';
import * as z from 'zod/mini';
import type { SourceOption } from './behavior/sources.ts';

/** The port that a laboratory may lend in place of the platform's own. */
export type LentPorts = {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: CryptoProvider;
  readonly transport: (handshake: Handshake) => Transport;
  readonly fetch: typeof fetch;
  readonly trainer: Trainer;
  /** 32 bytes from which all randomness of one round follows (`roundRandomness`). */
  readonly roundSeed: (task: TaskId, round: bigint) => Bytes;
};

const functionOf = <Signature>() => z.custom<Signature>((value) => typeof value === 'function', 'expected a function');
const objectOf = <Shape>() =>
  z.custom<Shape>((value) => typeof value === 'object' && value !== null, 'expected an object');
const positive = z.number().check(z.positive());
const whole = z.int().check(z.nonnegative());

const consentOptions = z.strictObject({
  /** How undecided purposes show: nobody asked yet, or the app is asking. Neither allows anything. */
  default: z._default(z.enum(['denied', 'pending']), 'denied'),
  /** Global Privacy Control counts as a refusal. */
  honorGPC: z._default(z.boolean(), true),
});

const trainingOptions = z.strictObject({
  /** `auto`: the kernels that come with this package. The others are tfjs's, which is then loaded. */
  backend: z._default(z.enum(['auto', 'node', 'wasm', 'cpu']), 'auto'),
  /** Look for rounds without being asked; unless said, wherever the device can remember what it did. */
  autoStart: z.optional(z.boolean()),
  whenIdle: z._default(z.boolean(), true),
  whenCharging: z._default(z.boolean(), false),
  /** The app's own say before each round. */
  isEligible: z.optional(functionOf<() => boolean | Promise<boolean>>()),
  /** Folder of tfjs's `.wasm` files, where a bundler has moved them. */
  wasmPath: z.optional(z.string()),
});

const basisPoints = z.int().check(z.minimum(0), z.maximum(10_000));
const floorOptions = z.strictObject({
  minCorruptBasisPoints: z.optional(basisPoints),
  maxDropoutBasisPoints: z.optional(basisPoints),
  minSigma: z.optional(z.int().check(z.minimum(40), z.maximum(128))),
  /** Never below 10 devices in a cohort, 5 of them surely honest. */
  minCohort: z.optional(z.int().check(z.minimum(10), z.maximum(1024))),
  /** In all cohorts of a round; none unless said. Goes with a `minCohort`: see `lab parameters --cohorts`. */
  minRoundDevices: z.optional(z.int().check(z.nonnegative(), z.maximum(mostOnRoll))),
  minHonest: z.optional(z.int().check(z.minimum(5), z.maximum(1024))),
  mechanisms: z.optional(z.array(z.enum(['none', 'distributed', 'central'])).check(z.minLength(1))),
  minNoiseMultiplier: z.optional(z.number().check(z.nonnegative())),
});

const budget = {
  roundsPerDay: z._default(whole, 50),
  bytesPerDay: z._default(whole, 50_000_000),
  /** ρ of zero-concentrated differential privacy, in rounds with noise. */
  rhoPerYear: z._default(z.number().check(z.nonnegative()), 1),
};

const limitOptions = z.strictObject({
  maxEvents: z._default(z.int().check(z.minimum(1), z.maximum(1_000_000)), 10_000),
  /** Events that wait in memory for a decision about consent. */
  maxPendingEvents: z._default(z.int().check(z.nonnegative(), z.maximum(100_000)), 1_000),
  /** Infinity keeps events for ever. */
  retentionDays: z._default(z.union([positive, z.literal(Number.POSITIVE_INFINITY)]), 400),
  /** Across all tasks of the app. */
  ...budget,
  /** The same three, for all tasks of one purpose: below what holds for all purposes together. */
  perPurpose: z._default(z.partialRecord(z.enum(purposes), z.strictObject(budget)), {}),
  /** The same task gets one contribution within so long; 0: as often as the other limits allow. */
  taskWindowSeconds: z._default(z.number().check(z.nonnegative()), 0),
  /** Pause between looks at what the coordinator has. */
  refreshSeconds: z._default(positive, 600),
  timeoutMs: z._default(positive, 10_000),
  /** From which age of its last confirmation a model counts as stale. */
  staleAfterDays: z._default(positive, 14),
});

const clientOptions = z.strictObject({
  /** Publishable: nothing in it is a secret. */
  clientKey: z.string().check(z.regex(/^pk_[A-Za-z0-9_-]{22,64}$/, 'expected a publishable key (pk_…)')),
  /** Origin of the coordinator; https, or http on the machine itself. */
  host: z.string().check(z.refine(isOrigin, 'expected https://… (http only for localhost)')),
  /** Ed25519 root key, base64url: plans and models are believed only as far as it vouches for them. */
  coordinatorKey: bytesField(32),
  /** Frozen behaviour: what is not said here stays what it was on this date. */
  defaults: z.literal('2026-11-23'),
  consent: z._default(consentOptions, { default: 'denied', honorGPC: true }),
  /** A directory in Node, a database name in browsers. */
  storage: z.optional(z.string().check(z.minLength(1), z.maxLength(1024))),
  floors: z._default(floorOptions, {}),
  training: z.prefault(trainingOptions, {}),
  limits: z.prefault(limitOptions, {}),
  sources: z._default(z.record(z.string().check(z.minLength(1), z.maxLength(64)), sourceOption()), {}),
  algorithms: z._default(z.array(objectOf<AnyAlgorithm>()), []),
  /** May redact an event, or drop it by returning nothing. */
  beforeStore: z.optional(functionOf<(event: ChoraleEvent) => ChoraleEvent | undefined>()),
  ports: z._default(
    z.custom<Partial<LentPorts>>((value) => typeof value === 'object' && value !== null),
    {},
  ),
});

export type ChoraleOptions = z.input<typeof clientOptions>;
export type ParsedOptions = Omit<z.output<typeof clientOptions>, 'floors' | 'coordinatorKey'> & {
  readonly floors: DeviceFloors;
  readonly rootKey: Bytes;
};

/** @throws ChoraleError `invalid-input` that names the first wrong option and what it should be */
export function parseOptions(options: ChoraleOptions): ParsedOptions {
  const { floors, coordinatorKey, ...parsed } = parseInput(clientOptions, options, 'createClient');
  return { ...parsed, rootKey: fromBase64url(coordinatorKey), floors: { ...trainingFloors, ...definedOf(floors) } };
}

function definedOf(floors: z.output<typeof floorOptions>): Partial<DeviceFloors> {
  return Object.fromEntries(Object.entries(floors).filter(([, value]) => value !== undefined));
}

function sourceOption() {
  const isSource = (value: unknown) =>
    typeof value === 'function' || (typeof value === 'object' && value !== null && 'examples' in value);
  return z.custom<SourceOption>(isSource, 'expected a function from events to rows, or { examples, current }');
}

function isOrigin(host: string): boolean {
  if (!URL.canParse(host)) return false;
  const { protocol, hostname } = new URL(host);
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  return protocol === 'https:' || (protocol === 'http:' && isLocal);
}
