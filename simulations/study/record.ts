/** What a run of a method came to: a line of JSON that a report can be drawn from without the rows. */

import { rocAuc, tableOfRows } from '@chorale/shared/algorithms';
import { seededRandom } from '@chorale/shared/testing';
import * as z from 'zod/mini';
import { bootstrapInterval } from '../metrics/bootstrap.ts';
import { reportScores } from '../metrics/score-report.ts';
import type { About, Judged, Outcome } from './method.ts';
import { sternerFigures } from './sterner.ts';

const point = z.tuple([z.number(), z.number()]);

export const studyRecord = z.strictObject({
  /** Runs of other data or settings have another one. */
  study: z.string(),
  method: z.string(),
  title: z.string(),
  kind: z.enum(['federated', 'private', 'baseline']),
  seed: z.int(),
  seconds: z.number(),
  figures: z.record(z.string(), z.number()),
  /** Of AUC, by drawing customers again. */
  interval95: z.strictObject({ low: z.number(), high: z.number() }),
  /** False against true positive rate. */
  roc: z.array(point),
  /** Recall against precision. */
  precisionRecall: z.array(point),
  /** Mean score against share of positives, by tenths of the rows. */
  calibration: z.array(point),
  /** Share of the best-scored rows against the lift there. */
  lift: z.array(point),
  /** Round against AUC. */
  learning: z.array(point),
  cost: z.optional(z.strictObject({ rounds: z.number(), uploadBytes: z.number(), participations: z.number() })),
  epsilon: z.optional(z.number()),
});

export type StudyRecord = z.infer<typeof studyRecord>;

export type RunOf = Pick<StudyRecord, 'study' | 'seed' | 'seconds'>;

export function recordOf(run: RunOf, method: About, outcome: Outcome, judged: Judged): StudyRecord {
  const { scores, learning = [], cost, epsilon } = outcome;
  const { labels, owners } = judged.test;
  const ranked = rankedRows(scores, labels);
  return {
    ...run,
    ...{ method: method.name, title: method.title, kind: method.kind },
    figures: { ...reportScores(scores, labels), ...sternerFigures(outcome, judged) },
    interval95: bootstrapInterval({ scores, labels, owners }, aucOf, { random: seededRandom('interval') }),
    ...curvesOf(ranked),
    calibration: calibrationOf(ranked),
    learning: learning.map(({ round, auc }): [number, number] => [round, auc]),
    ...(cost && { cost }),
    ...(epsilon !== undefined && { epsilon }),
  };
}

function aucOf(scores: Float32Array, labels: Float32Array): number {
  return rocAuc(tableOfRows(scores, labels));
}

/** Best score first. */
type Ranked = { readonly scores: readonly number[]; readonly labels: readonly number[] };

function rankedRows(scores: Float32Array, labels: Float32Array): Ranked {
  const order = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]!);
  return { scores: order.map((row) => scores[row]!), labels: order.map((row) => labels[row]!) };
}

const curvePoints = 100;

/** Only places between different scores are points: rows of one score cannot be told apart. */
function curvesOf({ scores, labels }: Ranked): Pick<StudyRecord, 'roc' | 'precisionRecall' | 'lift'> {
  const rows = labels.length;
  const positives = labels.reduce((sum, label) => sum + label, 0);
  const roc: [number, number][] = [[0, 0]];
  const precisionRecall: [number, number][] = [];
  const lift: [number, number][] = [];
  let [hits, next] = [0, 1];
  for (let row = 0; row < rows; row++) {
    hits += labels[row]!;
    const seen = row + 1;
    const isPlace = seen === rows || scores[row + 1] !== scores[row];
    if (!isPlace || seen < (next * rows) / curvePoints) continue;
    next = Math.floor((seen * curvePoints) / rows) + 1;
    roc.push([(seen - hits) / (rows - positives), hits / positives].map(rounded) as [number, number]);
    precisionRecall.push([hits / positives, hits / seen].map(rounded) as [number, number]);
    lift.push([seen / rows, hits / seen / (positives / rows)].map(rounded) as [number, number]);
  }
  return { roc, precisionRecall, lift };
}

const groups = 10;

function calibrationOf({ scores, labels }: Ranked): [number, number][] {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return Array.from({ length: groups }, (_, group): [number, number] => {
    const [from, to] = [group, group + 1].map((end) => Math.round((end * labels.length) / groups));
    return [rounded(mean(scores.slice(from, to))), rounded(mean(labels.slice(from, to)))];
  }).reverse();
}

/** What a chart can show. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
