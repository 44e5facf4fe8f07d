/** The algorithms that a device or a coordinator has: a value that is passed along, never a global. */

import { invariant } from '../errors.ts';
import { additiveBoosting } from './additive-boosting.ts';
import type { AnyAlgorithm } from './algorithm.ts';
import { calibration } from './calibration.ts';
import { comparison } from './comparison.ts';
import { density } from './density.ts';
import { deviceMoments } from './device-moments.ts';
import { drift } from './drift.ts';
import { evaluation } from './evaluation.ts';
import { experiment } from './experiment.ts';
import { fedAvg } from './fed-avg.ts';
import { heavyHitters } from './heavy-hitters.ts';
import { histogram } from './histogram.ts';
import { kMeans } from './k-means.ts';
import { moments } from './moments.ts';
import { quantiles } from './quantiles.ts';
import { randomTrees } from './random-trees.ts';
import { treeBoosting } from './tree-boosting.ts';

export type Registry = ReadonlyMap<string, AnyAlgorithm>;

/** @throws invariant if two algorithms share a name: a plan could then mean either */
export function registryOf(...algorithms: readonly AnyAlgorithm[]): Registry {
  const registry = new Map(algorithms.map((algorithm) => [algorithm.name, algorithm]));
  invariant(registry.size === algorithms.length, 'two algorithms share a name');
  return registry;
}

/** What every device and coordinator has; an app adds its own: `registryOf(...builtIn.values(), mine)`. */
export const builtIn: Registry = registryOf(
  moments,
  deviceMoments,
  fedAvg,
  evaluation,
  histogram,
  quantiles,
  additiveBoosting,
  treeBoosting,
  randomTrees,
  kMeans,
  drift,
  density,
  heavyHitters,
  experiment,
  calibration,
  comparison,
);
