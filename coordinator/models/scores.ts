/** Scores for app servers: features come with the request and are forgotten with the answer. */

import { bytesToFloats, ChoraleError } from '@chorale/shared';
import { modelSpec, predict, standardization, standardize } from '@chorale/shared/models';
import { type ModelManifest, newScores, parseInput, type scoresView } from '@chorale/shared/wire';
import type * as z from 'zod/mini';
import type { Models } from './models.ts';

/** @throws ChoraleError `invalid-input`, or `not-found` where the task has no model */
export async function score(models: Models, input: unknown): Promise<z.infer<typeof scoresView>> {
  const { task, rows } = parseInput(newScores, input, 'scores');
  const manifest = await models.latest(task);
  const parameters = bytesToFloats(await models.parameters(manifest.parametersSha256));
  const spec = parseInput(modelSpec, manifest.spec, 'model');
  if (rows.some((row) => row.length !== spec.inputs))
    throw new ChoraleError('invalid-input', `rows: each needs ${spec.inputs} numbers for this model`);
  const probabilities = predict(spec, parameters, prepared(rows, manifest));
  return { model: manifest.id, version: manifest.version, scores: Array.from(probabilities) };
}

function prepared(rows: readonly (readonly number[])[], manifest: ModelManifest): Float32Array {
  const features = Float32Array.from(rows.flat());
  if (manifest.standardization === undefined) return features;
  return standardize(features, parseInput(standardization, manifest.standardization, 'model'));
}
