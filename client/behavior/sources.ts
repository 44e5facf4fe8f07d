/** Feature sources: how this device's events become rows. A task names one; the device has it or does not. */

import type { Instant } from '@chorale/shared';
import type { PlaceOf } from '@chorale/shared/algorithms';
import {
  type ChoraleEvent,
  exampleQuery,
  type FeatureHistory,
  type FeatureProgram,
  type FoldQuery,
  featurePrograms,
  imputedNow,
  labelledSnapshots,
} from '@chorale/shared/features';
import { parseInput } from '@chorale/shared/wire';
import type { EventLog } from './event-log.ts';

/** A task's question to a source; fields beside `source` are the source's own. */
export type SourceQuery = {
  readonly source: string;
  readonly fold?: FoldQuery | undefined;
  readonly [field: string]: unknown;
};

export interface ExampleSource {
  /**
   * Rows to learn from. Events are in order of time; `now` is the last instant known to the device. `placeOf` is its own draw for a
   * label, the same as `ownPlaces` gives the app: what arms and looks of experiments are drawn by.
   */
  examples(events: readonly ChoraleEvent[], query: SourceQuery, now: Instant, placeOf: PlaceOf): readonly unknown[];
  /** Raw features of this moment, for scores; undefined while there is nothing to say about the person. */
  current?(events: readonly ChoraleEvent[], query: SourceQuery, now: Instant): Float32Array | undefined;
  /** What explanations of scores call the features, in their order; numbered unless given. */
  readonly features?: readonly string[];
}

/** What an app may give for a source: all of it, or only the way to examples. */
export type SourceOption = ExampleSource | ExampleSource['examples'];

export type Sources = ReadonlyMap<string, ExampleSource>;

/** @param custom by name; an app's own source takes the place of a built-in one of the same name */
export function sourcesOf(log: EventLog, custom: Readonly<Record<string, SourceOption>>): Sources {
  const own = Object.entries(custom).map(([name, option]): [string, ExampleSource] => [
    name,
    typeof option === 'function' ? { examples: option } : option,
  ]);
  const builtIn = [...featurePrograms.values()].map(
    (program) => [program.schema.id, builtInSource(program, log)] as const,
  );
  return new Map([...builtIn, ...own]);
}

/** Its running totals follow the log from the first score on, so that a score costs the same after a year of events. */
function builtInSource(program: FeatureProgram, log: EventLog): ExampleSource {
  const history = runningHistory(program, log);
  return {
    examples: (events, query, now) => labelledSnapshots(events, parseInput(exampleQuery, query, 'examples'), now),
    current(events, { fold: _, ...query }, now) {
      // What happened in this very millisecond is known, too: a score follows at once on what is tracked.
      const row = history().features(now + 1);
      const { impute } = query as { impute?: unknown };
      if (row === undefined || impute === undefined) return row;
      return imputedNow(row, events, parseInput(exampleQuery, query, 'examples'), now);
    },
    features: program.schema.features.map(({ name }) => name),
  };
}

function runningHistory(program: FeatureProgram, log: EventLog): () => FeatureHistory {
  let history = program.open();
  let [revision, observed] = [log.revision, 0];
  return () => {
    if (revision !== log.revision) {
      history = program.open();
      [revision, observed] = [log.revision, 0];
    }
    for (const event of log.events(observed)) history.observe(event);
    observed = log.length;
    return history;
  };
}
