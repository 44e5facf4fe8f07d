/** Plan D of one round, from its task and what its algorithm asks for now. */

import { type Bytes, bytes, fromHex, type Instant, utf8 } from '@chorale/shared';
import { sha256 } from '@chorale/shared/crypto';
import type { Encoding } from '@chorale/shared/encoding';
import type { Plan, TurnLimits } from '@chorale/shared/secagg';
import { assumptionsOf, type Task } from '../tasks/task.ts';

/** Devices train before they advertise, so the first turn is long; the roster closes earlier, as soon as it is full. */
const defaultLimits: TurnLimits = {
  advertiseMs: 30_000,
  dealMs: 10_000,
  acknowledgeMs: 10_000,
  maskedInputMs: 60_000,
  certifyMs: 10_000,
  unmaskMs: 10_000,
};

export type PlanRequest = {
  readonly task: Task;
  readonly round: bigint;
  readonly openedAt: Instant;
  readonly encoding: Encoding<string>;
  readonly broadcast: Bytes;
};

export function makePlan({ task, round, openedAt, encoding, broadcast }: PlanRequest): Plan {
  const { size, minSize = size } = task.cohort;
  return {
    task: task.id,
    round,
    openedAt,
    limits: task.limits ?? defaultLimits,
    broadcastHash: sha256(broadcast),
    algorithmHash: sha256(utf8(task.algorithm)),
    policyHash: fromHex(task.consentPolicy.sha256),
    logHead: bytes(32),
    logSize: 0n,
    dimension: encoding.dimension,
    bits: 32,
    mechanism: task.privacy.mechanism,
    segmentCount: encoding.layout.length,
    inverseGrid: encoding.inverseGrid,
    noiseNumerator: task.noiseMultiplier.numerator,
    noiseDenominator: task.noiseMultiplier.denominator,
    sensitivitySquared: encoding.sensitivitySquared,
    ...assumptionsOf(task.cohort),
    minDevices: minSize,
    maxDevices: size,
    floor: minSize,
  };
}

/** The number after the last one; within one epoch of the plan key they only grow. */
export function nextRoundNumber(last: bigint | undefined, epoch: number): bigint {
  const first = (BigInt(epoch) << 48n) + 1n;
  return last === undefined || last < first ? first : last + 1n;
}
