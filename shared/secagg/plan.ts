/** Plan D: the signed 288 bytes that say what a round asks of a device. */

import type { Bytes } from '../bytes.ts';
import type { TaskId } from '../ids.ts';
import type { Instant } from '../ports.ts';

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
