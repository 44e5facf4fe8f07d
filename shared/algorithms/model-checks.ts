/** Checks that a model's parts belong together, wherever they travel together. */

import * as z from 'zod/mini';
import { areParametersOf } from '../models/parameters.ts';
import type { ModelSpec } from '../models/spec.ts';
import type { Standardization } from '../models/standardize.ts';

type ModelParts = {
  readonly spec: ModelSpec;
  readonly parameters?: Float32Array | undefined;
  readonly standardization?: Standardization | undefined;
};

export const parametersFit = z.refine<ModelParts>(
  ({ spec, parameters }) => parameters === undefined || areParametersOf(spec, parameters),
  'the parameters do not fit the model spec',
);

export const standardizationFits = z.refine<ModelParts>(
  ({ spec, standardization }) => standardization === undefined || standardization.mean.length === spec.inputs,
  'the standardisation has not one entry per input',
);
