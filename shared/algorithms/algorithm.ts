/** Federated learning as two functions around one sum: `contribute` on the device, `update` on the coordinator. */

import type * as z from 'zod/mini';
import type { Aggregate, Layout, Vectors } from '../encoding/layout.ts';
import type { Trainer } from '../models/trainer.ts';
import type { Random } from '../ports.ts';

/** What a device lends to an algorithm while it contributes. */
export type ClientTools = {
  readonly trainer: Trainer;
  readonly random: Random;
  readonly signal: AbortSignal;
};

export interface FederatedAlgorithm<Config, State, Broadcast, Example, Name extends string> {
  /** On the wire, e.g. `fed-avg/1`: a plan names an algorithm that the device already has; no code travels. */
  readonly name: string;
  readonly config: z.ZodMiniType<Config>;
  /** A device parses this before it computes anything from it. */
  readonly broadcast: z.ZodMiniType<Broadcast>;
  init(config: Config, random: Random): State;
  /** What devices may see of the state. */
  publish(state: State): Broadcast;
  /** What this round asks for. Both sides compute it, so the coordinator cannot quietly widen the question. */
  layout(broadcast: Broadcast): Layout<Name>;
  /** On the device. */
  contribute(broadcast: Broadcast, examples: readonly Example[], tools: ClientTools): Promise<Vectors<Name>>;
  /** On the coordinator. */
  update(state: State, aggregate: Aggregate<Name>): State;
  isDone(state: State): boolean;
}
