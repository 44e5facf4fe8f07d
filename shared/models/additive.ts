/**
 * Additive models (Hastie and Tibshirani 1990; binned and boosted: Lou, Caruana, Gehrke, KDD 2012). Flat parameters: the
 * bias, then for each feature in turn one number per bin. All are log-odds.
 */

import { binOf, binOffsets } from './bins.ts';
import type { AdditiveSpec } from './spec.ts';

export function additiveParameterCount({ edges }: Pick<AdditiveSpec, 'edges'>): number {
  return 1 + binOffsets(edges).at(-1)!;
}

export function additiveLogit(
  { edges }: AdditiveSpec,
  offsets: readonly number[],
  parameters: Float32Array,
  row: Float32Array,
): number {
  let logit = parameters[0]!;
  for (let i = 0; i < edges.length; i++) logit += parameters[1 + offsets[i]! + binOf(edges[i]!, row[i]!)]!;
  return logit;
}
