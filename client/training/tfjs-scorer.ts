/** Scores of many rows at once, for those who evaluate models too large for the pure predictor. */

import type { TrainableSpec } from '@chorale/shared/models';
import { loadTfjs, type TfjsOptions } from './tfjs-backend.ts';
import { buildLayersModel, layersProbabilities, setFlatParameters } from './tfjs-model.ts';

/**
 * @returns from parameters and rowCount × spec.inputs features to rowCount × outputs probabilities, as `predict` gives them
 * @throws ChoraleError `not-found` if the backend asked for does not work here
 */
export async function createTfjsScorer(
  spec: TrainableSpec,
  options: TfjsOptions = {},
): Promise<(parameters: Float32Array, features: Float32Array) => Float32Array> {
  const { tf } = await loadTfjs(options);
  const model = buildLayersModel(tf, spec);
  return (parameters, features) => {
    setFlatParameters(tf, model, parameters);
    return layersProbabilities(tf, spec, model, features);
  };
}
