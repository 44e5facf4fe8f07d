/** Plan D: the signed 288 bytes that say what a round asks of a device. */

import { type Bytes, bytes, concat, tag, u16, u32, u64 } from '../bytes.ts';
import { idFromBytes, idToBytes, type TaskId } from '../ids.ts';
import type { Instant } from '../ports.ts';
import { Reader } from './reader.ts';

/** How long each turn stays open, in ms. */
export type TurnLimits = {
  readonly advertiseMs: number;
  readonly dealMs: number;
  readonly acknowledgeMs: number;
  readonly maskedInputMs: number;
  readonly certifyMs: number;
  readonly unmaskMs: number;
};

/** Who adds noise: nobody (0), every device its part (1), the coordinator to the decoded sum (2). */
export type Mechanism = 'none' | 'distributed' | 'central';

export type Plan = {
  readonly task: TaskId;
  /** u64 that only grows within a task; the upper 16 bits are the plan key's epoch. */
  readonly round: bigint;
  readonly openedAt: Instant;
  readonly limits: TurnLimits;
  readonly broadcastHash: Bytes;
  readonly algorithmHash: Bytes;
  readonly policyHash: Bytes;
  /** Tree head of the transparency log; zeros and 0 until there is one. */
  readonly logHead: Bytes;
  readonly logSize: bigint;
  /** d: words in one masked vector. */
  readonly dimension: number;
  /** B: the sum is taken mod 2^bits. */
  readonly bits: 32;
  readonly mechanism: Mechanism;
  readonly segmentCount: number;
  /** 1/g: grid steps per unit of weight. */
  readonly inverseGrid: number;
  /** Noise multiplier z as a fraction; 0/1 without noise. */
  readonly noiseNumerator: number;
  readonly noiseDenominator: number;
  /** Δ₂²: bound on the squared ℓ2 norm of one encoded vector before noise, in grid steps squared. */
  readonly sensitivitySquared: bigint;
  /** γ and δ in basis points: assumed corrupt, tolerated dropouts. */
  readonly corruptBasisPoints: number;
  readonly dropoutBasisPoints: number;
  /** Statistical security 2^-σ and failure probability 2^-η. */
  readonly sigma: number;
  readonly eta: number;
  readonly minDevices: number;
  readonly maxDevices: number;
  /** Informative; devices have floors of their own. */
  readonly floor: number;
};

export const planBytes = 288;
export const protocolVersion = 1;
/** Ed25519, X25519, XSalsa20-Poly1305, SHA-256, AES-128-CTR, Shamir over GF(2^16). */
export const suiteNumber = 1;

const planTag = tag('chorale/plan/v1');
/** In the order of their numbers on the wire. */
const mechanisms: readonly Mechanism[] = ['none', 'distributed', 'central'];

/** D. @throws RangeError where a field does not fit */
export function encodePlan(plan: Plan): Bytes {
  return concat(
    planTag,
    u16(protocolVersion),
    u16(suiteNumber),
    idToBytes(plan.task),
    u64(plan.round),
    u64(BigInt(plan.openedAt)),
    ...turnLimits(plan.limits).map(u32),
    plan.broadcastHash,
    plan.algorithmHash,
    plan.policyHash,
    plan.logHead,
    u64(plan.logSize),
    u32(plan.dimension),
    Uint8Array.of(plan.bits, mechanisms.indexOf(plan.mechanism), 0, 0),
    u32(plan.segmentCount),
    u32(plan.inverseGrid),
    u32(plan.noiseNumerator),
    u32(plan.noiseDenominator),
    u64(plan.sensitivitySquared),
    u16(plan.corruptBasisPoints),
    u16(plan.dropoutBasisPoints),
    Uint8Array.of(plan.sigma, plan.eta, 0, 0),
    u32(plan.minDevices),
    u32(plan.maxDevices),
    u32(plan.floor),
    bytes(24),
  );
}

/** @throws ChoraleError `invalid-input` unless these are 288 bytes of this version with every reserved field zero */
export function decodePlan(value: Uint8Array): Plan {
  const reader = new Reader(value, 'plan');
  reader.expect(planTag);
  reader.expect(u16(protocolVersion));
  reader.expect(u16(suiteNumber));
  const plan: Plan = {
    task: idFromBytes('task', reader.take(16)),
    round: reader.u64(),
    openedAt: reader.instant(),
    limits: readLimits(reader),
    broadcastHash: reader.take(32),
    algorithmHash: reader.take(32),
    policyHash: reader.take(32),
    logHead: reader.take(32),
    logSize: reader.u64(),
    dimension: reader.u32(),
    bits: readBits(reader),
    mechanism: readMechanism(reader),
    ...readNumbers(reader),
  };
  reader.expectZeros(24);
  reader.end();
  return plan;
}

/** What the plan key signs. */
export function planText(plan: Uint8Array): Bytes {
  return concat(tag('chorale/sign/plan'), plan);
}

function turnLimits(limits: TurnLimits): readonly number[] {
  const { advertiseMs, dealMs, acknowledgeMs, maskedInputMs, certifyMs, unmaskMs } = limits;
  return [advertiseMs, dealMs, acknowledgeMs, maskedInputMs, certifyMs, unmaskMs];
}

function readLimits(reader: Reader): TurnLimits {
  return {
    advertiseMs: reader.u32(),
    dealMs: reader.u32(),
    acknowledgeMs: reader.u32(),
    maskedInputMs: reader.u32(),
    certifyMs: reader.u32(),
    unmaskMs: reader.u32(),
  };
}

function readBits(reader: Reader): 32 {
  reader.expect(Uint8Array.of(32));
  return 32;
}

function readMechanism(reader: Reader): Mechanism {
  const mechanism = mechanisms[reader.u8()];
  if (!mechanism) throw reader.malformed('its noise mechanism is unknown');
  // Flags and a reserved byte follow.
  reader.expectZeros(2);
  return mechanism;
}

function readNumbers(reader: Reader) {
  const encoding = {
    segmentCount: reader.u32(),
    inverseGrid: reader.u32(),
    noiseNumerator: reader.u32(),
    noiseDenominator: reader.u32(),
    sensitivitySquared: reader.u64(),
  };
  const assumptions = {
    corruptBasisPoints: reader.u16(),
    dropoutBasisPoints: reader.u16(),
    sigma: reader.u8(),
    eta: reader.u8(),
  };
  reader.expectZeros(2);
  return { ...encoding, ...assumptions, minDevices: reader.u32(), maxDevices: reader.u32(), floor: reader.u32() };
}
