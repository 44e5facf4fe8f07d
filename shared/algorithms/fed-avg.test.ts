import { describe, expect, it } from 'vitest';
import { chooseEncoding } from '../encoding/grid.ts';
import type { Aggregate, Vectors } from '../encoding/layout.ts';
import { mergeCohorts } from '../encoding/merge.ts';
import { decode, encode } from '../encoding/pipeline.ts';
import { shuffledBatches } from '../models/batches.ts';
import { predict, sigmoid } from '../models/predict.ts';
import type { Trainer } from '../models/trainer.ts';
import { type SeededRandom, seededRandom } from '../testing/seeded-random.ts';
import { addModulo } from '../vectors.ts';
import { type ClientTools, toJson } from './algorithm.ts';
import { type FedAvgBroadcast, type FedAvgState, fedAvg } from './fed-avg.ts';
import { batchOf, type LabelledRow } from './labelled-row.ts';
import { logLoss, meanLoss } from './score-metrics.ts';

const inputs = 5;
const spec = { family: 'linear', inputs, outputs: 1, output: 'sigmoid' } as const;

/** SGD on the mean log loss of a logistic model: what any trainer does for a linear spec. */
const trainer: Trainer = {
  backend: 'test',
  async train(spec, start, { features, labels, rowCount }, { epochs, batchSize, learningRate, random }) {
    const parameters = Float32Array.from(start);
    for (let epoch = 0; epoch < epochs; epoch++) {
      for (const batch of shuffledBatches(rowCount, batchSize, random)) {
        const gradient = new Float64Array(parameters.length);
        for (const row of batch) {
          const x = features.subarray(row * spec.inputs, (row + 1) * spec.inputs);
          const error = predict(spec, parameters, x)[0]! - labels[row]!;
          x.forEach((value, i) => {
            gradient[i]! += (error * value) / batch.length;
          });
          gradient[spec.inputs]! += error / batch.length;
        }
        gradient.forEach((slope, i) => {
          parameters[i]! -= learningRate * slope;
        });
      }
    }
    return parameters;
  },
};

const tools = (seed: string | number): ClientTools => ({
  trainer,
  random: seededRandom(seed),
  signal: new AbortController().signal,
});

/** People with 0 to 80 rows each, whose labels follow one logistic truth. */
function population(random: SeededRandom, size: number): LabelledRow[][] {
  const truth = [1.5, -2, 0.7, 0, 1];
  const row = (): LabelledRow => {
    const features = Float32Array.from({ length: inputs }, () => random.normal());
    const chance = sigmoid(features.reduce((sum, x, i) => sum + x * truth[i]!, -1));
    return { features, label: random.uniform() < chance ? 1 : 0 };
  };
  return Array.from({ length: size }, () => Array.from({ length: random.below(81) }, row));
}

const config = (changes: Record<string, unknown> = {}) =>
  fedAvg.config.parse({
    spec,
    server: { optimizer: 'sgd', learningRate: 1 },
    client: { epochs: 1, batchSize: 16, learningRate: 0.5 },
    clipNorm: 2,
    rounds: 12,
    ...changes,
  });

type Name = 'update' | 'weight' | 'clipBit';
type Sum = (broadcast: FedAvgBroadcast, given: readonly Vectors<Name>[]) => Aggregate<Name>;

const plainSum: Sum = (broadcast, given) => {
  const sums = fedAvg.layout(broadcast).map(({ name, length }) => {
    const sum = Float64Array.from({ length }, (_, i) => given.reduce((total, one) => total + one[name][i]!, 0));
    return [name, sum] as const;
  });
  return {
    sums: Object.fromEntries(sums) as Record<Name, Float64Array>,
    contributors: given.length,
    noiseStd: { update: 0, weight: 0, clipBit: 0 },
  };
};

const encodedSum =
  (random: SeededRandom): Sum =>
  (broadcast, given) => {
    const encoding = chooseEncoding(fedAvg.layout(broadcast), { mechanism: 'none', maxDevices: given.length });
    const sum = new Uint32Array(encoding.dimension);
    for (const one of given) addModulo(sum, encode(one, encoding, { noiseVariance: 0n, random }));
    return decode(sum, encoding, { contributors: given.length, noiseVariance: 0n });
  };

async function round(state: FedAvgState, people: readonly LabelledRow[][], sum: Sum): Promise<FedAvgState> {
  const broadcast = fedAvg.publish(state);
  const given = people.map((rows, i) => fedAvg.contribute(broadcast, rows, tools(`${state.round}/${i}`)));
  return fedAvg.update(state, sum(broadcast, await Promise.all(given)));
}

function lossOf({ parameters }: FedAvgState, people: readonly LabelledRow[][]): number {
  const rows = batchOf(people.flat(), inputs, undefined);
  return meanLoss(logLoss, predict(spec, parameters, rows.features), rows.labels);
}

describe('the narrow waist', () => {
  it('training through encoded, modularly summed integers equals training in plain floats, within rounding', async () => {
    for (const seed of [1, 2]) {
      const random = seededRandom(seed);
      const people = population(random, 60);
      for (const optimizer of ['sgd', 'momentum', 'adagrad', 'adam', 'yogi']) {
        const isAdaptive = optimizer !== 'sgd' && optimizer !== 'momentum';
        const server = { optimizer, learningRate: isAdaptive ? 0.05 : 0.5 };
        let plain = fedAvg.init(config({ server }), random);
        let encoded = plain;
        for (let i = 0; i < 5; i++) {
          plain = await round(plain, people, plainSum);
          encoded = await round(encoded, people, encodedSum(random));
        }
        // A mean over some 30 devices' weight of errors below 2·2^-20 each, five times, through Lipschitz steps: the
        // adaptive ones divide by no less than their epsilon of 1e-3, so their bound is wider.
        const bound = isAdaptive ? 1e-3 : 1e-4;
        const distance = Math.max(...plain.parameters.map((value, i) => Math.abs(value - encoded.parameters[i]!)));
        expect(distance, `seed ${seed}, ${optimizer}`).toBeLessThan(bound);
        expect(distance).toBeGreaterThan(0);
      }
    }
  });

  it('training lowers the log loss of everybody’s rows, round after round', async () => {
    for (const seed of [1, 2, 3]) {
      const random = seededRandom(seed);
      const people = population(random, 60);
      let state = fedAvg.init(config(), random);
      const losses = [lossOf(state, people)];
      while (!fedAvg.isDone(state)) {
        state = await round(state, people, encodedSum(random));
        losses.push(lossOf(state, people));
      }
      expect(losses[0], `seed ${seed}`).toBeCloseTo(Math.LN2, 6);
      expect(losses[1], `seed ${seed}`).toBeLessThan(0.6);
      expect(losses.at(-1), `seed ${seed}`).toBeLessThan(0.45);
      expect(state.round).toBe(12);
    }
  });
});

describe('what one device gives', () => {
  const broadcast = fedAvg.publish(fedAvg.init(config(), seededRandom(0)));
  const rows = population(seededRandom(7), 10).flat().slice(0, 100);

  it('is weighted by its rows, up to the cap', async () => {
    const weights = [0, 1, 25, 50, 100].map(async (count) => {
      const { weight } = await fedAvg.contribute(broadcast, rows.slice(0, count), tools(1));
      return weight[0];
    });
    expect(await Promise.all(weights)).toEqual([0, Math.fround(1 / 50), 0.5, 1, 1]);
  });

  it('is its clipped way from the broadcast, times its weight', async () => {
    const [few, narrow] = [rows.slice(0, 25), { ...broadcast, clipNorm: 0.01 }];
    const trained = await trainer.train(spec, broadcast.parameters, batchOf(few, inputs, undefined), {
      ...broadcast.client,
      random: seededRandom(1),
    });
    const free = await fedAvg.contribute(broadcast, few, tools(1));
    expect([...free.update]).toEqual([...trained].map((value) => value / 2));
    const clipped = await fedAvg.contribute(narrow, few, tools(1));
    expect(Math.hypot(...clipped.update)).toBeCloseTo(0.005, 8);
  });

  it('is nothing, with weight nothing, without rows or when its training went astray', async () => {
    const astray: Trainer = { backend: 'astray', train: async (_, start) => start.map(() => Number.NaN) };
    const nothing = {
      update: new Float32Array(inputs + 1),
      weight: Float32Array.of(0),
      clipBit: new Float32Array(0),
    };
    expect(await fedAvg.contribute(broadcast, [], tools(1))).toEqual(nothing);
    expect(await fedAvg.contribute(broadcast, rows, { ...tools(1), trainer: astray })).toEqual(nothing);
  });

  it('leaves out rows that cannot be computed with', async () => {
    const bad = { features: Float32Array.of(1, Number.NaN, 0, 0, 0), label: 1 };
    const some = rows.slice(0, 10);
    expect(await fedAvg.contribute(broadcast, [bad, ...some], tools(1))).toEqual(
      await fedAvg.contribute(broadcast, some, tools(1)),
    );
  });

  it('has no weight to tell when all devices count the same', async () => {
    const uniform = { ...broadcast, weighting: 'uniform' } as const;
    expect(fedAvg.layout(uniform)).toMatchObject([{ name: 'update', length: 6, clipNorm: 2 }]);
    const [one, many] = [
      await fedAvg.contribute(uniform, rows.slice(0, 1), tools(1)),
      await fedAvg.contribute({ ...broadcast, maxRows: 1 }, rows.slice(0, 1), tools(1)),
    ];
    expect(one.update).toEqual(many.update);
    expect(one.weight.length).toBe(0);
  });
});

describe('the coordinator’s step', () => {
  const aggregate = (update: number, weight: number): Aggregate<Name> => ({
    sums: {
      update: new Float64Array(inputs + 1).fill(update),
      weight: Float64Array.of(weight),
      clipBit: new Float64Array(0),
    },
    contributors: 4,
    noiseStd: { update: 0, weight: 0, clipBit: 0 },
  });

  it('divides by the weight of all, or by their number when all count the same', () => {
    const [byRows, uniform] = [config(), config({ weighting: 'uniform' })];
    expect(fedAvg.update(fedAvg.init(byRows, seededRandom(0)), aggregate(3, 1.5)).parameters[0]).toBe(2);
    expect(fedAvg.update(fedAvg.init(uniform, seededRandom(0)), aggregate(3, 1.5)).parameters[0]).toBe(0.75);
  });

  it('keeps the model when nobody had a row', () => {
    const state = fedAvg.init(config({ parameters: floats(1, 2, 3, 4, 5, 6) }), seededRandom(0));
    expect(fedAvg.update(state, aggregate(0, 0))).toEqual({ ...state, round: 1 });
  });

  it('makes a model of the mean of its last rounds, where it shall, and goes on from the last one', () => {
    const rounds = [1, 2, 4, 9, 0];
    const play = (options: object) => {
      let state = fedAvg.init(config({ rounds: rounds.length, ...options }), seededRandom(0));
      return rounds.map((update) => {
        // Without a row at the end the model stands still, which is a round like any other.
        state = fedAvg.update(state, aggregate(update, update === 0 ? 0 : 1));
        return { at: state.parameters[0]!, model: fedAvg.model!(state)!.parameters[0]! };
      });
    };
    expect(play({}).map(({ at, model }) => [at, model])).toEqual([1, 3, 7, 16, 16].map((at) => [at, at]));
    const averaging = play({ averageLast: 3 });
    expect(averaging.map(({ at }) => at)).toEqual([1, 3, 7, 16, 16]);
    expect(averaging.map(({ model }) => model)).toEqual([1, 3, 7, 11.5, 13]);
    expect(fedAvg.config.safeParse({ ...(toJson(fedAvg.config, config()) as object), averageLast: 999 }).success).toBe(
      false,
    );
  });

  it.each(['rows', 'uniform'] as const)('is that of the median cohort, where five are merged so: %s', async (by) => {
    const state = fedAvg.init(config({ weighting: by }), seededRandom(0));
    const broadcast = fedAvg.publish(state);
    const encoding = chooseEncoding(fedAvg.layout(broadcast), { mechanism: 'none', maxDevices: 10 });
    // Cohorts of two devices that agree with each other, and one that is far off.
    const cohorts = [0.1, 0.2, 0.3, 0.4, 2].map((move, i) => {
      const weight = by === 'rows' ? (i + 1) / 5 : 1;
      const update = new Float32Array(6).fill((weight * move) / Math.sqrt(6));
      const sum = new Uint32Array(encoding.dimension);
      const vectors = {
        update,
        weight: Float32Array.from(by === 'rows' ? [weight] : []),
        clipBit: new Float32Array(0),
      };
      for (const device of [1, 2])
        addModulo(sum, encode(vectors, encoding, { random: seededRandom(device), noiseVariance: 0n }));
      return { sum, contributors: 2, noiseVariance: 0n };
    });
    const after = fedAvg.update(state, mergeCohorts(cohorts, encoding, { rule: 'median' }));
    const steps = after.parameters.map((value, i) => value - state.parameters[i]!);
    expect(Math.hypot(...steps)).toBeCloseTo(0.3, 4);
  });
});

const floats = (...values: number[]) => Buffer.from(Float32Array.from(values).buffer).toString('base64url');

it('a proximal pull that would overshoot its start is refused', () => {
  const accepts = (proximal: number) =>
    fedAvg.config.safeParse({
      ...(toJson(fedAvg.config, config()) as object),
      client: { learningRate: 0.5, proximal },
    }).success;
  expect([0, 2, 2.1].map(accepts)).toEqual([true, true, false]);
});

describe('as JSON', () => {
  it('a state comes back bit for bit, and goes on the same way', async () => {
    const random = seededRandom(3);
    const people = population(random, 10);
    const server = { optimizer: 'adam', learningRate: 0.05 };
    const state = await round(fedAvg.init(config({ server }), random), people, plainSum);
    const restored = fedAvg.state.parse(JSON.parse(JSON.stringify(toJson(fedAvg.state, state))));
    expect(restored).toEqual(state);
    expect(await round(restored, people, plainSum)).toEqual(await round(state, people, plainSum));
  });

  it('a broadcast says nothing of the server’s side', () => {
    const state = fedAvg.init(config({ averageLast: 1 }), seededRandom(0));
    const sent = toJson(fedAvg.broadcast, fedAvg.publish(state));
    expect(sent).not.toHaveProperty('server');
    expect(sent).not.toHaveProperty('rounds');
    expect(sent).not.toHaveProperty('averageLast');
    expect(fedAvg.broadcast.parse(JSON.parse(JSON.stringify(sent)))).toEqual(fedAvg.publish(state));
  });

  it('a device refuses parameters of the wrong number, that are not finite, or are no base64url', () => {
    const sent = toJson(fedAvg.broadcast, fedAvg.publish(fedAvg.init(config(), seededRandom(0)))) as object;
    const accepts = (parameters: unknown) => fedAvg.broadcast.safeParse({ ...sent, parameters }).success;
    expect(accepts(floats(1, 2, 3, 4, 5, 6))).toBe(true);
    expect(accepts(floats(1, 2, 3, 4, 5))).toBe(false);
    expect(accepts(floats(1, 2, 3, 4, 5, Infinity))).toBe(false);
    expect(accepts('AAAAA')).toBe(false);
    expect(accepts([1, 2, 3, 4, 5, 6])).toBe(false);
  });
});
