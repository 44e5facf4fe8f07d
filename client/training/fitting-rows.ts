/** What every trainer asks of its input. */

import { ChoraleError } from '@chorale/shared';
import { type Batchable, parameterCount, type TrainableSpec } from '@chorale/shared/models';

/** @throws ChoraleError `invalid-input` unless parameters and rows have the lengths that the spec gives them */
export function checkLengths(spec: TrainableSpec, parameters: Float32Array, { features, labels, rowCount }: Batchable) {
  if (parameters.length !== parameterCount(spec))
    throw new ChoraleError('invalid-input', 'the parameters do not fit the model spec');
  if (features.length !== rowCount * spec.inputs || labels.length !== rowCount)
    throw new ChoraleError('invalid-input', 'the rows do not fit the model spec');
}
