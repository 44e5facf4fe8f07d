/** From one device's events to labelled rows, one per cut: what training and evaluation both start from. */

import * as z from 'zod/mini';
import { ChoraleError } from '../errors.ts';
import type { Instant } from '../ports.ts';
import { dayMs } from './calendar.ts';
import type { ChoraleEvent } from './events.ts';
import { imputation, impute } from './imputation.ts';
import { type LabelName, labelAt, labels } from './labels.ts';
import { featurePrograms } from './programs.ts';
import { missingValues } from './schema.ts';

/** One snapshot per device and week, at most a year of them: nobody's habits outweigh everybody else's. */
export const mostSnapshots = 52;

const instant = z.int().check(z.minimum(0), z.maximum(8_640_000_000_000_000));

/** Which rows a task asks a device to make from its own events. */
export const exampleQuery = z.strictObject({
  /** A feature schema: `transactions/1` or `behavior/1`. */
  source: z.string().check(z.minLength(1), z.maxLength(64)),
  label: z.enum(Object.keys(labels) as [LabelName, ...LabelName[]]),
  /** Cuts at first, first + every … up to and including last. */
  cuts: z
    .strictObject({ first: instant, last: instant, everyMs: z.int().check(z.minimum(7 * dayMs)) })
    .check(z.refine(({ first, last }) => first <= last, 'the first cut comes before the last')),
  /** The latest cuts win when there are more. */
  maxRows: z.int().check(z.minimum(1), z.maximum(mostSnapshots)),
  /**
   * How long before a cut nothing is known any more. A person about to pay is easily told from the visit that the cut
   * falls into: an hour shows what a score is worth without it.
   */
  embargoMs: z.optional(z.int().check(z.minimum(0), z.maximum(dayMs))),
  /** What stands in for values that cannot be known yet; the schema's constants unless said. */
  impute: z.optional(imputation),
});

export type ExampleQuery = z.infer<typeof exampleQuery>;

export type LabelledSnapshot = {
  /** As the schema encodes them, not yet standardised. */
  readonly features: Float32Array<ArrayBuffer>;
  readonly label: 0 | 1;
  readonly cut: Instant;
};

/**
 * The mature snapshots of one device, oldest first; none before there is anything to know, such as a first purchase.
 *
 * @param seenUntil the last instant at which the device was known to be watching: later labels are censored
 * @throws ChoraleError `invalid-input` if the query names a schema that this version does not know
 */
export function labelledSnapshots(
  events: Iterable<ChoraleEvent>,
  query: ExampleQuery,
  seenUntil: Instant,
): LabelledSnapshot[] {
  const program = featurePrograms.get(query.source);
  if (program === undefined) throw new ChoraleError('invalid-input', `unknown examples: ${query.source}`);
  const history = program.open();
  for (const event of events) history.observe(event);
  const rows: LabelledSnapshot[] = [];
  for (
    let cut = lastMatureCut(query, seenUntil);
    cut >= query.cuts.first && rows.length < query.maxRows;
    cut -= query.cuts.everyMs
  ) {
    const features = history.features(cut, cut - (query.embargoMs ?? 0));
    if (features === undefined) break;
    const label = labelAt(history, cut, labels[query.label], seenUntil);
    if (label !== 'censored') rows.push({ features, label, cut });
  }
  rows.reverse();
  const { impute: how } = query;
  if (how === undefined) return rows;
  const known = { missing: missingValues(program.schema), all: rows.map(({ features }) => features) };
  return rows.map((row, i) => ({
    ...row,
    features: impute(row.features, how, { missing: known.missing, earlier: known.all.slice(0, i) }),
  }));
}

/**
 * A row of this moment as `labelledSnapshots` fills in those of the past.
 *
 * @param features of now, by the query's program
 * @throws ChoraleError as `labelledSnapshots`
 */
export function imputedNow(
  features: Float32Array<ArrayBuffer>,
  events: Iterable<ChoraleEvent>,
  query: ExampleQuery,
  now: Instant,
): Float32Array<ArrayBuffer> {
  const { impute: how, ...plain } = query;
  const program = featurePrograms.get(query.source);
  if (how === undefined || program === undefined) return features;
  const asksOwn = how.by === 'neighbours' && how.centres === undefined;
  const earlier = asksOwn ? labelledSnapshots(events, plain, now).map((row) => row.features) : [];
  return impute(features, how, { missing: missingValues(program.schema), earlier });
}

/** Of cuts that are still to come a task may name millions: none of them costs a device anything. */
function lastMatureCut({ label, cuts: { first, last, everyMs } }: ExampleQuery, seenUntil: Instant): Instant {
  const mature = Math.min(last, seenUntil - labels[label] * dayMs);
  return first + Math.floor((mature - first) / everyMs) * everyMs;
}
