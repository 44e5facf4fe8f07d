/** A task's algorithm with its state: what a round asks for, and what a sum changes. */

import { type Bytes, ChoraleError, fromUtf8, invariant, type Random, utf8 } from '@chorale/shared';
import {
  type AnyAlgorithm,
  type LearnedModel,
  type Registry,
  type Summary,
  type Terms,
  toJson,
} from '@chorale/shared/algorithms';
import { type Aggregate, chooseEncoding, type Encoding, type GridRequest } from '@chorale/shared/encoding';
import { encodeBroadcast, parseInput } from '@chorale/shared/wire';

/** An immutable value; `afterRound` gives the next one. */
export interface Learning {
  /** As JSON: the algorithm's own config and what it has learned from sums. */
  readonly state: unknown;
  /** What the store keeps. */
  encode(): Bytes;
  /**
   * What H(broadcast) of the plan covers.
   *
   * @param isNoisy whether the round's sums hold noise, beside which nothing is rounded to the nearest
   */
  broadcast(examples: { readonly source: string }, isNoisy: boolean): Bytes;
  encoding(request: GridRequest): Encoding<string>;
  afterRound(aggregate: Aggregate<string>): Learning;
  readonly isDone: boolean;
  readonly model: LearnedModel | undefined;
  readonly summary: Summary;
  /** For devices to look themselves up in; undefined before the end, and where the algorithm has none. */
  readonly result: unknown;
}

type Chosen = { readonly algorithm: string; readonly config?: unknown };

/** @throws ChoraleError `invalid-input` for an unknown algorithm, or a config that is not its own or does not suit the terms */
export function startLearning(
  registry: Registry,
  { algorithm: name, config = {} }: Chosen,
  terms: Terms,
  random: Random,
): Learning {
  const algorithm = registry.get(name);
  if (!algorithm) {
    const known = [...registry.keys()].join(', ');
    throw new ChoraleError('invalid-input', `algorithm: unknown; this coordinator has ${known}`);
  }
  return learningOf(algorithm, algorithm.init(parseInput(algorithm.config, config, 'config'), random, terms));
}

/** @throws invariant if the algorithm is gone or does not read its own state */
export function continueLearning(registry: Registry, name: string, stored: Bytes): Learning {
  const algorithm = registry.get(name);
  invariant(algorithm, `the algorithm ${name} of a stored task is not in the registry`);
  return learningOf(algorithm, parseInput(algorithm.state, JSON.parse(fromUtf8(stored)), 'stored state'));
}

function learningOf(algorithm: AnyAlgorithm, state: unknown): Learning {
  const published = algorithm.publish(state);
  return {
    get state() {
      return toJson(algorithm.state, state);
    },
    encode: () => utf8(JSON.stringify(toJson(algorithm.state, state))),
    broadcast: (examples, isNoisy) =>
      encodeBroadcast({
        ...{ examples, algorithm: toJson(algorithm.broadcast, published) },
        ...(algorithm.roundsToNearest && !isNoisy && { rounding: 'nearest' }),
      }),
    encoding: (request) => chooseEncoding(algorithm.layout(published), request),
    afterRound: (aggregate) => learningOf(algorithm, algorithm.update(state, aggregate)),
    isDone: algorithm.isDone(state),
    model: algorithm.model(state),
    summary: algorithm.summary(state),
    get result() {
      return algorithm.isDone(state) ? algorithm.result(state) : undefined;
    },
  };
}
