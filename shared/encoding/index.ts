/** Door `@chorale/shared/encoding`: the path from named vectors to words that can be masked, and back for sums. */

export type { NoiseMultiplier } from '../privacy/charge.ts';
export { uniformWords } from './draws.ts';
export { type AddOptions, EncodedSum } from './encoded-sum.ts';
export type { EncodedVector } from './encoded-vector.ts';
export {
  chooseEncoding,
  type Encoding,
  encodingOn,
  type GridRequest,
  noiseVariance,
  segmentSteps,
  sensitivityBound,
  sumsFit,
} from './grid.ts';
export { type Aggregate, dimension, type Layout, layoutUnder, type Segment, type Vectors } from './layout.ts';
export { canMerge, cutOf, leastCohorts, type MergeRule, mergeCohorts, mergeRule } from './merge.ts';
export {
  type CohortSum,
  decode,
  decodeTogether,
  type EncodeOptions,
  encode,
  isPlausible,
  type SumOf,
} from './pipeline.ts';
export { squaredNorm } from './quantize.ts';
export type { NoiseSampler, Rounding } from './stage.ts';
