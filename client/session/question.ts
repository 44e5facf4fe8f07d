/** What a plan asks of this device, in its own terms: nothing in it is taken on the coordinator's word. */

import { type Bytes, equal, utf8 } from '@chorale/shared';
import type { AnyAlgorithm, Registry } from '@chorale/shared/algorithms';
import { sha256 } from '@chorale/shared/crypto';
import { dimension, type Encoding, encodingOn, layoutUnder, type Rounding } from '@chorale/shared/encoding';
import type { GuardReason, Plan } from '@chorale/shared/secagg';
import { decodeBroadcast, type PlanBroadcast } from '@chorale/shared/wire';
import * as z from 'zod/mini';

/** Which rows an algorithm shall see; `source` names one of the device's own feature sources. */
export type ExamplesQuery = PlanBroadcast['examples'];

export type Question = {
  readonly algorithm: AnyAlgorithm;
  /** As the algorithm's own schema parsed it. */
  readonly broadcast: unknown;
  readonly examples: ExamplesQuery;
  readonly encoding: Encoding<string>;
  readonly rounding: Rounding;
};

/**
 * Reads the broadcast that a plan names, and computes from it what the plan claims.
 *
 * @param broadcast the bytes received
 * @returns the question, or why this device does not answer it
 */
export function readQuestion(plan: Plan, broadcast: Bytes, algorithms: Registry): Question | GuardReason {
  if (!equal(sha256(broadcast), plan.broadcastHash)) return 'bad-signature';
  const algorithm = [...algorithms.values()].find(({ name }) => equal(sha256(utf8(name)), plan.algorithmHash));
  if (algorithm === undefined) return 'unknown-algorithm';
  try {
    const { examples, algorithm: asked, rounding = 'stochastic' } = decodeBroadcast(broadcast);
    // It biases, for sums that another machine computes again. Of noised sums nobody can: whoever asks for both is refused.
    if (rounding === 'nearest' && plan.mechanism !== 'none') return 'parameters-too-weak';
    const parsed = z.parse(algorithm.broadcast, asked);
    const encoding = encodingFor(plan, algorithm, parsed);
    return encoding === undefined ? 'layout-mismatch' : { algorithm, broadcast: parsed, examples, encoding, rounding };
  } catch {
    // A broadcast that its own algorithm cannot read, or numbers on which no honest vector fits.
    return 'layout-mismatch';
  }
}

/** The layout follows from the broadcast, so the coordinator cannot quietly widen the question. */
function encodingFor(plan: Plan, algorithm: AnyAlgorithm, broadcast: unknown): Encoding<string> | undefined {
  const layout = layoutUnder(plan.mechanism, algorithm.layout(broadcast));
  if (dimension(layout) !== plan.dimension || layout.length !== plan.segmentCount) return undefined;
  return encodingOn(layout, plan.inverseGrid, plan.sensitivitySquared);
}
