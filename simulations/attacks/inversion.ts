/**
 * Update inversion: from what a coordinator sees of a round it computes the features of one person. A dense layer's
 * kernel gradient is (error at the unit) × input and its bias gradient that error alone, so for one example their ratio *is*
 * the input (Phong, Aono, Hayashi, Wang, Moriai, IEEE TIFS 2018, §III); for several, a weighted mean of the inputs.
 */

import { fedAvg, type LabelledRow } from '@chorale/shared/algorithms';
import { denseLayers, type TrainableSpec, type Trainer } from '@chorale/shared/models';
import { leastNoiseMultiplier, roundUpMultiplier } from '@chorale/shared/privacy';
import { type SeededRandom, seededRandom } from '@chorale/shared/testing';
import { type Noise, runFast } from '../fast.ts';

export type InversionOptions = {
  readonly trainer: Trainer;
  readonly seed: string | number;
  /** People attacked, each in a round of its own. */
  readonly victims: number;
  /** Devices in one sum. */
  readonly cohort: number;
  /** What one round may cost a device, at δ = 1e-5. */
  readonly epsilon: number;
};

/**
 * What the coordinator has of the victim's update. `difference`: of two sums over the same devices, with the victim and
 * without, as from two rounds on the same model. The sum that the victim is not in is the guess of who has nothing.
 */
const views = {
  'plain update': { devices: 1, isDifference: false, isNoisy: false },
  sum: { devices: 'cohort', isDifference: false, isNoisy: false },
  'sum with noise': { devices: 'cohort', isDifference: false, isNoisy: true },
  difference: { devices: 'cohort', isDifference: true, isNoisy: false },
  'difference with noise': { devices: 'cohort', isDifference: true, isNoisy: true },
  'sum without the victim': { devices: 'others', isDifference: false, isNoisy: false },
} as const;
export type Seen = keyof typeof views;

export type InversionReport = {
  readonly model: string;
  readonly examples: number;
  readonly seen: Seen;
  /** Devices in what is seen. */
  readonly devices: number;
  /** Medians over the victims: ‖guess − truth‖ ÷ ‖truth‖, and the cosine between them. */
  readonly relativeError: number;
  readonly cosine: number;
  /** Victims whose features came out to within 1 %. */
  readonly recovered: number;
  readonly victims: number;
};

const features = 20;
const models: readonly { readonly name: string; readonly spec: TrainableSpec }[] = [
  { name: 'logistic 20', spec: { family: 'linear', inputs: features, outputs: 1, output: 'sigmoid' } },
  {
    name: 'mlp 20-16-1',
    spec: { family: 'mlp', inputs: features, hidden: [16], activation: 'relu', outputs: 1, output: 'sigmoid' },
  },
];

const cases: readonly { readonly examples: number; readonly seen: Seen }[] = [
  { examples: 1, seen: 'plain update' },
  { examples: 8, seen: 'plain update' },
  { examples: 1, seen: 'sum' },
  { examples: 1, seen: 'sum with noise' },
  { examples: 1, seen: 'difference' },
  { examples: 1, seen: 'difference with noise' },
  { examples: 1, seen: 'sum without the victim' },
];

export async function invertUpdates(options: InversionOptions): Promise<readonly InversionReport[]> {
  const reports: InversionReport[] = [];
  for (const model of models) {
    for (const what of cases) reports.push(await attack({ ...model, ...what }, options));
  }
  return reports;
}

type Target = { readonly name: string; readonly spec: TrainableSpec; readonly examples: number; readonly seen: Seen };

async function attack(target: Target, options: InversionOptions): Promise<InversionReport> {
  const { name, examples, seen } = target;
  const { victims, cohort } = options;
  const guesses: Score[] = [];
  for (let victim = 0; victim < victims; victim++) guesses.push(await bestGuess(target, options, victim));
  return {
    ...{ model: name, examples, seen, devices: views[seen].devices === 1 ? 1 : cohort, victims },
    relativeError: median(guesses.map(({ relativeError }) => relativeError)),
    cosine: median(guesses.map(({ cosine }) => cosine)),
    recovered: guesses.filter(({ relativeError }) => relativeError < 0.01).length,
  };
}

type Score = { readonly relativeError: number; readonly cosine: number };

/** In the attacker's favour: of all its guesses at any of the victim's examples, the best one counts. */
async function bestGuess({ spec, examples, seen }: Target, options: InversionOptions, victim: number): Promise<Score> {
  const random = seededRandom(`${options.seed} ${victim}`);
  const people = peopleAround(random, { examples, count: options.cohort + 1 });
  const guesses = candidatesIn(await seenOf(people, seen, { ...options, spec, random }), spec);
  const scores = people[0]!.flatMap((row) => guesses.map((guess) => scoreOf(guess, row.features)));
  return scores.reduce((best, score) => (score.cosine > best.cosine ? score : best));
}

type People = readonly (readonly LabelledRow[])[];
type Round = InversionOptions & { readonly spec: TrainableSpec; readonly random: SeededRandom };

/** The victim is the first of the people. */
async function seenOf(people: People, seen: Seen, round: Round): Promise<Float64Array> {
  const { devices, isDifference, isNoisy } = views[seen];
  const noise = isNoisy ? noiseFor(round) : undefined;
  const summed = devices === 1 ? [0] : upTo(devices === 'others' ? 1 : 0, round.cohort);
  const sum = await sumOver(people, summed, round, noise);
  if (!isDifference) return sum;
  const less = await sumOver(people, summed.slice(1), { ...round, random: round.random.fork('again') }, noise);
  return sum.map((value, i) => value - less[i]!);
}

/** Independent standard normal features, so that nobody can be guessed from the others. */
function peopleAround(
  random: SeededRandom,
  { examples, count }: { readonly examples: number; readonly count: number },
): People {
  const row = (): LabelledRow => ({
    features: Float32Array.from({ length: features }, () => random.normal()),
    label: random.below(2),
  });
  return upTo(0, count).map(() => upTo(0, examples).map(row));
}

/** Enough for ε in one round, if the assumed tenth is corrupt and three tenths leave. */
function noiseFor({ epsilon, cohort }: InversionOptions): Noise {
  const multiplier = roundUpMultiplier(leastNoiseMultiplier({ epsilon, delta: 1e-5, steps: 1 }));
  return { multiplier, honestSurvivors: cohort - Math.floor(cohort / 10) - Math.floor((3 * cohort) / 10) };
}

/** One round of federated averaging on the way of a real device: one step, clipped, encoded, summed. */
async function sumOver(
  people: People,
  devices: readonly number[],
  { trainer, seed, spec, random }: Round,
  noise: Noise | undefined,
): Promise<Float64Array> {
  const rounds = runFast({
    algorithm: fedAvg,
    config: {
      ...{ spec, rounds: 1, clipNorm: 1, weighting: 'uniform' },
      server: { optimizer: 'sgd', learningRate: 1 },
      client: { learningRate: 0.1 },
    },
    ...{ devices: people, trainer, seed, cohort: devices.length, cohorts: () => [devices] },
    roundSeed: (_, device) => random.fork(`device ${device}`).bytes(32),
    ...(noise && { noise }),
  });
  const { value } = await rounds.next();
  return value!.aggregate!.sums.update;
}

/** For every unit of the first layer, the input that would explain its gradients. */
function candidatesIn(update: Float64Array, spec: TrainableSpec): readonly Float64Array[] {
  const { inputs, outputs, kernelAt, biasAt } = denseLayers(spec)[0]!;
  const units = upTo(0, outputs).filter((unit) => update[biasAt + unit] !== 0);
  const guesses = units.map((unit) =>
    Float64Array.from({ length: inputs }, (_, i) => update[kernelAt + i * outputs + unit]! / update[biasAt + unit]!),
  );
  return guesses.length > 0 ? guesses : [new Float64Array(inputs)];
}

function scoreOf(guess: Float64Array, truth: Float32Array): Score {
  const difference = guess.map((value, i) => value - truth[i]!);
  const length = norm(guess) * norm(truth);
  const dot = guess.reduce((sum, value, i) => sum + value * truth[i]!, 0);
  return { relativeError: norm(difference) / norm(truth), cosine: length > 0 ? dot / length : 0 };
}

function norm(vector: Float32Array | Float64Array): number {
  return Math.hypot(...vector);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
}

/** `count` whole numbers from `first`. */
function upTo(first: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}
