/**
 * Devices made up to be noticed. Each speaks for one feature: two mirrored rows whose gradient is long, so that it is cut
 * to the full clip norm, and points along that feature's weight alone. Canaries of different features do not disturb each
 * other, and no device could leave a clearer trace. Whether a canary has its rows is a coin; without them it takes part as
 * well and adds nothing, which is the neighbour that the promise is about.
 */

import type { LabelledRow } from '@chorale/shared/algorithms';
import type { Standardization } from '@chorale/shared/models';
import type { SeededRandom } from '@chorale/shared/testing';

export type Canary = {
  /** Place of the weight that it pulls at. */
  readonly feature: number;
  readonly isIn: boolean;
  /** None if it is out. */
  readonly rows: readonly LabelledRow[];
};

/** One canary per feature, each in with probability ½. */
export function throwCanaries(standardization: Standardization, random: SeededRandom): Canary[] {
  return standardization.mean.map((_, feature) => {
    const isIn = random.below(2) === 1;
    return { feature, isIn, rows: isIn ? mirroredRows(feature, standardization) : [] };
  });
}

/** As far out as standardisation lets a row be, on either side. */
function mirroredRows(feature: number, { mean, std, clip }: Standardization): LabelledRow[] {
  const rowAt = (side: number) =>
    Float32Array.from(mean, (center, i) => (i === feature ? center + side * clip * std[i]! : center));
  return [
    { features: rowAt(1), label: 1 },
    { features: rowAt(-1), label: 0 },
  ];
}
