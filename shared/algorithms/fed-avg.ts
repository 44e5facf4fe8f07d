/**
 * Federated averaging: every device takes SGD steps from the same parameters, and the weighted mean of how far they came
 * is one step of the server's optimizer (McMahan et al., AISTATS 2017; server optimizers: Reddi et al., ICLR 2021).
 */

import * as z from 'zod/mini';
import { clipFactorAt } from '../encoding/clip.ts';
import type { Aggregate } from '../encoding/layout.ts';
import { invariant } from '../errors.ts';
import { initialParameters, parameterCount } from '../models/parameters.ts';
import { trainableSpec } from '../models/spec.ts';
import { standardization } from '../models/standardize.ts';
import type { Batchable, Update } from '../models/trainer.ts';
import { squaredLength } from '../vectors.ts';
import {
  adaptiveClip,
  bitOf,
  bitSegment,
  bitWeight,
  firstClip,
  movingClip,
  nextClip,
  uniformIfAdaptive,
} from './adaptive-clip.ts';
import { type ClientTools, defineAlgorithm } from './algorithm.ts';
import { floatVector } from './float-vector.ts';
import { finiteBatchOf, type LabelledRow } from './labelled-row.ts';
import { parametersFit, standardizationFits } from './model-checks.ts';
import { optimizerSlots, serverOptimizer, serverStep } from './server-optimizer.ts';

/**
 * `rows`: a device counts by its rows, up to the cap. `uniform`: all devices count the same; the choice under
 * differential privacy, where a row count would be one more secret to protect.
 */
const weighting = z.enum(['rows', 'uniform']);

const clientOptions = z
  .strictObject({
    epochs: z._default(z.int().check(z.positive(), z.maximum(1000)), 1),
    batchSize: z._default(z.int().check(z.positive(), z.maximum(65_536)), 32),
    learningRate: z.number().check(z.positive()),
    /** FedProx: μ, the strength of the pull towards the broadcast parameters (Li et al., MLSys 2020, eq. 2). */
    proximal: z._default(z.number().check(z.minimum(0)), 0),
  })
  .check(
    z.refine(
      // A step takes this share of the way back; more than all of it swings to the other side, at 2 for ever further.
      ({ learningRate, proximal }) => learningRate * proximal <= 1,
      'the pull overshoots: learningRate times proximal must not exceed 1',
    ),
  );

const shared = {
  spec: trainableSpec,
  client: clientOptions,
  weighting: z._default(weighting, 'rows'),
  /** A device with this many rows or more has weight 1. Every row is trained on. */
  maxRows: z._default(z.int().check(z.positive(), z.maximum(65_536)), 50),
  standardization: z.optional(standardization),
};

/** Longest update of one device, in ℓ2; a longer one is scaled down before it is weighted. */
const clipNorm = z.number().check(z.positive());

const config = z
  .strictObject({
    ...shared,
    /** For good, or what it starts from and follows. */
    clipNorm: z.union([clipNorm, adaptiveClip], 'neither a positive number nor { initial, … }'),
    server: serverOptimizer,
    rounds: z.int().check(z.positive(), z.maximum(100_000)),
    /**
     * The model is the mean of what so many of the last rounds made, instead of what the last one did: the noise of single rounds, or
     * of cohorts that differ, averages out, and costs no privacy (suffix averaging: Rakhlin, Shamir, Sridharan, ICML 2012).
     */
    averageLast: z.optional(z.int().check(z.positive())),
    /** Where training starts; the spec's own start unless given. */
    parameters: z.optional(floatVector),
  })
  .check(
    parametersFit,
    standardizationFits,
    uniformIfAdaptive,
    z.refine(({ averageLast = 1, rounds }) => averageLast <= rounds, 'averageLast: more rounds than there are'),
  );

const broadcast = z
  .strictObject({
    ...shared,
    clipNorm,
    /** Asks, with this weight, for the bit that an adaptive clip norm follows. */
    bitWeight: z.optional(bitWeight),
    parameters: floatVector,
  })
  .check(parametersFit, standardizationFits, uniformIfAdaptive);

const state = z.strictObject({
  config,
  /** Rounds committed. */
  round: z.int().check(z.nonnegative()),
  parameters: floatVector,
  /** Mean of the parameters since averaging began. */
  average: z.optional(floatVector),
  slots: optimizerSlots,
  /** Where the clip norm is now, if it moves. */
  clip: z.optional(movingClip),
});

export type FedAvgConfig = z.infer<typeof config>;
export type FedAvgBroadcast = z.infer<typeof broadcast>;
export type FedAvgState = z.infer<typeof state>;
type Name = 'update' | 'weight' | 'clipBit';

export const fedAvg = defineAlgorithm<FedAvgConfig, FedAvgState, FedAvgBroadcast, LabelledRow, Name>({
  name: 'fed-avg/1',
  config,
  state,
  broadcast,

  init(config, random, terms) {
    const parameters = config.parameters ?? initialParameters(config.spec, random);
    const start = { config, round: 0, parameters, slots: {} };
    if (typeof config.clipNorm === 'number') return start;
    invariant(terms, 'an adaptive clip norm needs the terms of its task');
    return { ...start, clip: firstClip(config.clipNorm, terms) };
  },

  publish({ config: { server: _, rounds: __, averageLast: ___, clipNorm, ...shared }, parameters, clip }) {
    if (typeof clipNorm === 'number') return { ...shared, clipNorm, parameters };
    invariant(clip, 'an adaptive clip norm is somewhere');
    return { ...shared, clipNorm: clip.norm, bitWeight: clip.bitWeight, parameters };
  },

  layout({ spec, clipNorm, bitWeight, weighting }) {
    const update = { name: 'update', length: parameterCount(spec), clipNorm } as const;
    if (weighting === 'uniform') {
      const mean = { ...update, meanOver: 'contributors' } as const;
      return bitWeight === undefined ? [mean] : [mean, bitSegment(bitWeight)];
    }
    return [
      { ...update, meanOver: { segment: 'weight' } },
      { name: 'weight', length: 1, clipNorm: 1, meanOver: 'contributors' },
    ];
  },

  async contribute(broadcast, examples, tools) {
    const rows = finiteBatchOf(examples, broadcast.spec.inputs, broadcast.standardization);
    // The clip comes before the weight: after it, a device with few rows could come further than one with many.
    const factorAt = (squaredLength: number) =>
      weightOf(broadcast, rows.rowCount) * clipFactorAt(squaredLength, broadcast.clipNorm);
    const { update, squaredLength } = await train(broadcast, rows, { ...tools, factorAt });
    const factor = clipFactorAt(squaredLength, broadcast.clipNorm);
    const weight = factor > 0 ? weightOf(broadcast, rows.rowCount) : 0;
    return {
      update,
      weight: broadcast.weighting === 'rows' ? Float32Array.of(weight) : new Float32Array(0),
      clipBit: broadcast.bitWeight === undefined ? new Float32Array(0) : bitOf(weight > 0 ? factor : 0),
    };
  },

  update(state, aggregate) {
    const weight = totalWeight(state.config, aggregate);
    // Nobody had a row (or noise says so): there is no mean, and the model stays as it is.
    if (!(weight > 0)) return averaged({ ...state, round: state.round + 1 });
    const mean = aggregate.sums.update.map((sum) => sum / weight);
    return averaged({
      ...state,
      round: state.round + 1,
      ...serverStep(state.config.server, state.parameters, state.slots, mean),
      ...clipAfter(state, aggregate),
    });
  },

  isDone: ({ config, round }) => round >= config.rounds,

  model: ({ config: { spec, standardization }, average, parameters }) => ({
    spec,
    parameters: average ?? parameters,
    standardization,
  }),

  summary: ({ config, round, parameters, clip }) => ({
    round,
    rounds: config.rounds,
    parameterCount: parameters.length,
    ...(clip && { clipNorm: clip.norm }),
  }),
});

function weightOf({ weighting, maxRows }: FedAvgBroadcast, rowCount: number): number {
  if (weighting === 'uniform') return rowCount > 0 ? 1 : 0;
  return Math.min(rowCount, maxRows) / maxRows;
}

function totalWeight({ weighting }: FedAvgConfig, { sums, contributors }: Aggregate<Name>): number {
  return weighting === 'rows' ? sums.weight[0]! : contributors;
}

/** The state with its mean moved on by the round that it has just come to. */
function averaged(state: FedAvgState): FedAvgState {
  const { config, round, parameters, average } = state;
  const count = round - config.rounds + (config.averageLast ?? 0);
  if (!(count > 0)) return state;
  const moved = average?.map((mean, i) => mean + (parameters[i]! - mean) / count);
  return { ...state, average: moved ?? parameters };
}

function clipAfter(
  { config: { clipNorm }, clip }: FedAvgState,
  { sums, contributors }: Aggregate<Name>,
): Pick<FedAvgState, 'clip'> {
  if (typeof clipNorm === 'number' || clip === undefined) return {};
  return { clip: nextClip(clipNorm, clip, { bits: sums.clipBit[0]!, contributors }) };
}

/** How far this device's own SGD steps lead from the broadcast parameters, multiplied by what its length asks for. */
async function train(
  { spec, parameters, client }: FedAvgBroadcast,
  rows: Batchable,
  { trainer, factorAt, ...tools }: ClientTools & { readonly factorAt: (squaredLength: number) => number },
): Promise<Update> {
  if (rows.rowCount === 0) return { update: new Float32Array(parameters.length), squaredLength: 0 };
  const options = { ...client, ...tools };
  if (trainer.update) return trainer.update(spec, parameters, rows, { ...options, factorAt });
  const update = await trainer.train(spec, parameters, rows, options);
  for (let i = 0; i < update.length; i++) update[i] = update[i]! - parameters[i]!;
  const squares = squaredLength(update);
  scale(update, factorAt(squares));
  return { update, squaredLength: squares };
}

/** In place. A factor of 0 also covers what no multiplication would turn into 0. */
function scale(update: Float32Array, factor: number): void {
  if (factor > 0) for (let i = 0; i < update.length; i++) update[i] = update[i]! * factor;
  else update.fill(0);
}
