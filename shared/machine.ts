/** Sans-IO machines: a value and a pure step. Shells perform the effects; the laboratory is one more shell. */

import type { Instant } from './ports.ts';

/** Something that happened. Every event carries the time at which the shell saw it. */
export type Event<Message, Result> = { readonly now: Instant } & (
  | { readonly on: 'message'; readonly from: string; readonly message: Message }
  | { readonly on: 'wake' }
  | { readonly on: 'gone'; readonly device: string }
  | { readonly on: 'computed'; readonly id: number; readonly result: Result }
  | { readonly on: 'persisted'; readonly id: number }
);

/**
 * Something the shell must do. A send that depends on a write is emitted only by the step that receives `persisted`;
 * a new `wake` replaces the one before it.
 */
export type Effect<Message, Job, Durable, Outcome> =
  | { readonly do: 'send'; readonly to: string; readonly message: Message }
  | { readonly do: 'wake'; readonly at: Instant }
  | { readonly do: 'compute'; readonly id: number; readonly job: Job }
  | { readonly do: 'persist'; readonly id: number; readonly record: Durable }
  | { readonly do: 'finish'; readonly outcome: Outcome };

export interface Machine<State, In, Out> {
  step(state: State, event: In): readonly [State, readonly Out[]];
}
