/** Federated learning as two functions around one sum: `contribute` on the device, `update` on the coordinator. */

import * as z from 'zod/mini';
import type { Aggregate, Layout, Vectors } from '../encoding/layout.ts';
import type { ModelSpec } from '../models/spec.ts';
import type { Standardization } from '../models/standardize.ts';
import type { Trainer } from '../models/trainer.ts';
import type { Random } from '../ports.ts';

/** What a device lends to an algorithm while it contributes. */
export type ClientTools = {
  readonly trainer: Trainer;
  readonly random: Random;
  readonly signal: AbortSignal;
};

/** A model that an algorithm has learned so far: all that scoring needs. */
export type LearnedModel = {
  readonly spec: ModelSpec;
  readonly parameters: Float32Array;
  /** What raw features go through before the model sees them. */
  readonly standardization: Standardization | undefined;
};

/** What a task has settled before its first round. */
export type Terms = {
  /** Devices in the largest cohort. */
  readonly cohort: number;
  /** z: standard deviation of the noise that is surely in a sum ÷ its sensitivity; 0 without noise. */
  readonly noiseMultiplier: number;
  /** Devices of all cohorts of one round together, where that is settled. */
  readonly devices?: number;
  /** What the task promises at most to spend of a device's privacy; none without noise, or where nobody promises. */
  readonly epsilon?: number;
};

/** Figures for people, such as an AUC: plain numbers, safe to publish because they come from sums only. */
export type Summary = Readonly<Record<string, number>>;

/**
 * The three schemas are codecs: parsing JSON gives the value in memory, `toJson` gives the JSON back. The state is a
 * value: `update` returns a new one.
 */
export interface FederatedAlgorithm<Config, State, Broadcast, Example, Name extends string> {
  /** On the wire, e.g. `fed-avg/1`: a plan names an algorithm that the device already has; no code travels. */
  readonly name: string;
  /**
   * Whether vectors are rounded to the nearest grid step where no noise is added, so that a machine with all rows computes
   * the same sums to the bit. It biases a sum of many small numbers: for what is counted in whole steps, or nearly so.
   */
  readonly roundsToNearest: boolean;
  readonly config: z.ZodMiniType<Config>;
  /** What the coordinator stores between rounds; holds the config too. */
  readonly state: z.ZodMiniType<State>;
  /** A device parses this before it computes anything from it. */
  readonly broadcast: z.ZodMiniType<Broadcast>;
  /** The shells always say the terms; few algorithms ask. */
  init(config: Config, random: Random, terms?: Terms): State;
  /** What devices may see of the state. */
  publish(state: State): Broadcast;
  /** What this round asks for. Both sides compute it, so the coordinator cannot quietly widen the question. */
  layout(broadcast: Broadcast): Layout<Name>;
  /** On the device. */
  contribute(broadcast: Broadcast, examples: readonly Example[], tools: ClientTools): Promise<Vectors<Name>>;
  /** On the coordinator. */
  update(state: State, aggregate: Aggregate<Name>): State;
  isDone(state: State): boolean;
  /** The model to publish after a round; undefined while, or because, the algorithm learns none. */
  model(state: State): LearnedModel | undefined;
  summary(state: State): Summary;
  /** What devices look themselves up in once the algorithm is done, besides a model: plain JSON of at most 4 MB. */
  result(state: State): unknown;
}

/** An algorithm where its types no longer matter: the shells pass its values from one of its functions to the next. */
export type AnyAlgorithm = FederatedAlgorithm<unknown, unknown, unknown, unknown, string>;

type Optional = 'model' | 'summary' | 'result' | 'roundsToNearest';

/** An algorithm from its parts, checked against the interface. One that learns no model, or has no figures, says nothing. */
export function defineAlgorithm<Config, State, Broadcast, Example, Name extends string>(
  parts: Omit<FederatedAlgorithm<Config, State, Broadcast, Example, Name>, Optional> &
    Partial<Pick<FederatedAlgorithm<Config, State, Broadcast, Example, Name>, Optional>>,
): FederatedAlgorithm<Config, State, Broadcast, Example, Name> {
  return { model: () => undefined, summary: () => ({}), result: () => undefined, roundsToNearest: false, ...parts };
}

/**
 * The JSON value from which the schema parses this value again.
 *
 * @throws z.core.$ZodError where the value breaks its own schema, such as parameters that are no longer finite
 */
export function toJson<Value>(schema: z.ZodMiniType<Value>, value: Value): unknown {
  return z.encode(schema, value as z.output<typeof schema>);
}
