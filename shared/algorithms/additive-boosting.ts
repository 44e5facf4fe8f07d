/**
 * A propensity as the sum of one shape function per feature, all of them boosted at once: each round is one secure sum of the
 * gradients and curvatures of everybody's rows in every bin of every feature, and one Newton step from it.
 *
 * After Lou, Caruana, Gehrke (KDD 2012) and Chen, Guestrin (KDD 2016, eq. 5); all features in one step as in parallel
 * coordinate descent, where a rate of one in as many as there are features cannot overshoot. A backtracking line search
 * holds wherever a higher rate is tried: every round also sums the loss before and after the step, of the same rows.
 */

import * as z from 'zod/mini';
import { additiveLogit } from '../models/additive.ts';
import { binOf, binOffsets } from '../models/bins.ts';
import { logLossOf } from '../models/log-loss.ts';
import { parameterCount } from '../models/parameters.ts';
import { sigmoid } from '../models/predict.ts';
import { type AdditiveSpec, binEdges } from '../models/spec.ts';
import { newtonDirection } from './additive-step.ts';
import { defineAlgorithm } from './algorithm.ts';
import { floatVector } from './float-vector.ts';
import { hasFiniteFeatures, type LabelledRow, sampleRows } from './labelled-row.ts';

/** More than any useful model loses on a row; what a row loses beyond it does not count. */
const mostLoss = 8;

const shared = {
  /** Of the features as rows hold them; versioned with the model. */
  edges: binEdges,
  /** `rows`: every row counts the same. `uniform`: every device does; the choice under differential privacy. */
  weighting: z._default(z.enum(['rows', 'uniform']), 'rows'),
  /** Rows that one device may add; of more, it adds a random choice. */
  maxRows: z._default(z.int().check(z.positive(), z.maximum(65_536)), 50),
  /** Longest sum of gradients of one device, in ℓ2; what its rows could reach at most unless given. */
  clipNorm: z.optional(z.number().check(z.positive())),
};

const positive = z.number().check(z.positive());

const config = z
  .strictObject({
    ...shared,
    /** Of a feature's own Newton step; one in as many as there are features unless given. */
    learningRate: z.optional(positive),
    /** The rate is multiplied by this after a round that improved the loss, and halved after one that did not. */
    acceleration: z._default(z.number().check(z.minimum(1), z.maximum(4)), 1),
    /** Ridge penalty of every bin, in rows (in devices where weighting is uniform) of curvature. */
    l2: z._default(z.number().check(z.nonnegative()), 1),
    rounds: z.int().check(z.positive(), z.maximum(100_000)),
    /** Where training starts: the bias, then one number per bin per feature; nothing known unless given. */
    parameters: z.optional(floatVector),
  })
  .check(
    z.refine(
      ({ edges, parameters }) => parameters === undefined || parameters.length === parameterCount(specOf(edges)),
      'parameters: not a bias and one number per bin per feature',
    ),
  );

const stepFits = z.refine<{ edges: number[][]; parameters: Float32Array; step: Float32Array }>(
  ({ edges, parameters, step }) => [parameters, step].every(({ length }) => length === parameterCount(specOf(edges))),
  'parameters and step: not a bias and one number per bin per feature',
);

const broadcast = z.strictObject({ ...shared, parameters: floatVector, step: floatVector }).check(stepFits);

const state = z.strictObject({
  config,
  /** Rounds committed. */
  round: z.int().check(z.nonnegative()),
  /** How many of them were steps back. */
  stepsBack: z.int().check(z.nonnegative()),
  /** Before the step that is being tried. */
  parameters: floatVector,
  direction: floatVector,
  rate: z.number().check(z.nonnegative()),
  /** Mean of a row's (a device's) loss before the step, when last seen. */
  loss: z.optional(z.number()),
});

export type AdditiveBoostingConfig = z.infer<typeof config>;
export type AdditiveBoostingBroadcast = z.infer<typeof broadcast>;
export type AdditiveBoostingState = z.infer<typeof state>;
type Name = 'gradients' | 'curvatures' | 'losses' | 'weight';

export const additiveBoosting = defineAlgorithm<
  AdditiveBoostingConfig,
  AdditiveBoostingState,
  AdditiveBoostingBroadcast,
  LabelledRow,
  Name
>({
  name: 'additive-boosting/1',
  config,
  state,
  broadcast,

  init(config) {
    const zeros = () => new Float32Array(parameterCount(specOf(config.edges)));
    const { parameters = zeros(), edges, learningRate = 1 / edges.length } = config;
    return { config, round: 0, stepsBack: 0, parameters, direction: zeros(), rate: learningRate };
  },

  publish({ config: { learningRate: _, acceleration: __, l2: ___, rounds: ____, ...asked }, parameters, ...step }) {
    return { ...asked, parameters, step: stepOf(step) };
  },

  layout({ edges, weighting, maxRows, clipNorm }) {
    const most = weighting === 'rows' ? maxRows : 1;
    // A row adds to one bin of every feature, at most 1 to its gradient and a quarter to its curvature.
    const longest = most * Math.sqrt(edges.length);
    const length = binOffsets(edges).at(-1)!;
    return [
      { name: 'gradients', length, clipNorm: clipNorm ?? longest },
      { name: 'curvatures', length, clipNorm: longest / 4 },
      { name: 'losses', length: 2, clipNorm: most * mostLoss * Math.SQRT2 },
      { name: 'weight', length: 1, clipNorm: most, isExact: true },
    ];
  },

  async contribute({ edges, weighting, maxRows, parameters, step }, examples, { random }) {
    const rows = sampleRows(examples.filter(hasFiniteFeatures), maxRows, random);
    const [spec, offsets] = [specOf(edges), binOffsets(edges)];
    const after = parameters.map((value, i) => value + step[i]!);
    const sums = {
      gradients: new Float32Array(offsets.at(-1)!),
      curvatures: new Float32Array(offsets.at(-1)!),
      losses: new Float32Array(2),
      weight: Float32Array.of(rows.length),
    };
    for (const { features, label } of rows) {
      const logit = additiveLogit(spec, offsets, after, features);
      const probability = sigmoid(logit);
      const [gradient, curvature] = [probability - label, probability * (1 - probability)];
      edges.forEach((own, i) => {
        const bin = offsets[i]! + binOf(own, features[i]!);
        sums.gradients[bin]! += gradient;
        sums.curvatures[bin]! += curvature;
      });
      sums.losses[0]! += cappedLoss(additiveLogit(spec, offsets, parameters, features), label);
      sums.losses[1]! += cappedLoss(logit, label);
    }
    return weighting === 'rows' || rows.length === 0 ? sums : meansOf(sums, rows.length);
  },

  update(state, { sums }) {
    const { config, direction, rate } = state;
    const round = state.round + 1;
    const [before, after] = [sums.losses[0]!, sums.losses[1]!];
    if (after > before)
      return { ...state, round, stepsBack: state.stepsBack + 1, rate: rate / 2, loss: before / sums.weight[0]! };
    const step = stepOf({ direction, rate });
    const { edges, l2, acceleration } = config;
    return {
      ...state,
      round,
      parameters: state.parameters.map((value, i) => value + step[i]!),
      direction: newtonDirection(edges, sums, l2),
      // The first round had no step to try.
      rate: state.round === 0 ? rate : Math.min(1, rate * acceleration),
      loss: after / sums.weight[0]!,
    };
  },

  isDone: ({ config, round }) => round >= config.rounds,

  /** With the last step, which no later round has looked at: its rate is one that the rounds before it bore out. */
  model({ config: { edges }, parameters, ...step }) {
    const last = stepOf(step);
    return {
      spec: specOf(edges),
      parameters: parameters.map((value, i) => value + last[i]!),
      standardization: undefined,
    };
  },

  summary: ({ round, stepsBack, rate, loss }) => ({ round, stepsBack, rate, ...(loss !== undefined && { loss }) }),
});

function cappedLoss(logit: number, label: number): number {
  return Math.min(mostLoss, logLossOf(logit, label));
}

function specOf(edges: number[][]): AdditiveSpec {
  return { family: 'additive', inputs: edges.length, edges };
}

function stepOf({ direction, rate }: Pick<AdditiveBoostingState, 'direction' | 'rate'>): Float32Array<ArrayBuffer> {
  return direction.map((value) => rate * value);
}

function meansOf<Sums extends Record<string, Float32Array>>(sums: Sums, rows: number): Sums {
  return Object.fromEntries(
    Object.entries(sums).map(([name, sum]) => [name, sum.map((value) => value / rows)]),
  ) as Sums;
}
