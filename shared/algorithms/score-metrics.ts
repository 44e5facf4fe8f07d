/**
 * How good scores are, from counts of positives and negatives per score. One arithmetic serves exact rows (every distinct
 * score its own group) and secure histograms (every bin a group); ties within a group count half.
 */

/** Groups of equal score, ascending. */
export type ScoreTable = {
  readonly scores: Float64Array;
  readonly positives: Float64Array;
  readonly negatives: Float64Array;
};

/** Exact: rows of equal score form a group. */
export function tableOfRows(scores: ArrayLike<number>, labels: ArrayLike<number>): ScoreTable {
  const order = Array.from(scores, (_, i) => i).sort((a, b) => scores[a]! - scores[b]!);
  const groups: { score: number; positives: number; negatives: number }[] = [];
  for (const row of order) {
    if (groups.at(-1)?.score !== scores[row]) groups.push({ score: scores[row]!, positives: 0, negatives: 0 });
    groups.at(-1)![labels[row] === 1 ? 'positives' : 'negatives'] += 1;
  }
  return {
    scores: Float64Array.from(groups, ({ score }) => score),
    positives: Float64Array.from(groups, ({ positives }) => positives),
    negatives: Float64Array.from(groups, ({ negatives }) => negatives),
  };
}

export function positivesOf({ positives }: ScoreTable): number {
  return sum(positives);
}

export function rowsOf({ positives, negatives }: ScoreTable): number {
  return sum(positives) + sum(negatives);
}

/** Share of positives: what a model without features predicts. NaN without rows. */
export function baseRate(table: ScoreTable): number {
  return positivesOf(table) / rowsOf(table);
}

/** Log loss of predicting the base rate for everyone. */
export function baseRateLogLoss(rate: number): number {
  return rate * logLoss(rate, 1) + (1 - rate) * logLoss(rate, 0);
}

/** Chance that a random positive scores above a random negative. NaN unless there are both. */
export function rocAuc({ positives, negatives }: ScoreTable): number {
  let [below, wins] = [0, 0];
  for (let i = 0; i < positives.length; i++) {
    wins += positives[i]! * (below + negatives[i]! / 2);
    below += negatives[i]!;
  }
  return wins / (sum(positives) * below);
}

/** Average precision: precision at each group from the top, weighted by the recall that the group adds. */
export function averagePrecision({ positives, negatives }: ScoreTable): number {
  let [hits, rows, area] = [0, 0, 0];
  for (let i = positives.length - 1; i >= 0; i--) {
    hits += positives[i]!;
    rows += positives[i]! + negatives[i]!;
    if (rows > 0) area += positives[i]! * (hits / rows);
  }
  return area / hits;
}

/** Positives among the best-scored `share` of rows, over what the base rate gives there; ties at the edge count in part. */
export function lift(table: ScoreTable, share: number): number {
  const room = share * rowsOf(table);
  let [left, hits] = [room, 0];
  for (let i = table.scores.length - 1; i >= 0 && left > 0; i--) {
    const rows = table.positives[i]! + table.negatives[i]!;
    if (rows > 0) hits += table.positives[i]! * Math.min(1, left / rows);
    left -= rows;
  }
  return hits / room / baseRate(table);
}

/** The best F1 that any cutoff gives, and the lowest group that this cutoff still takes for positive. NaN without positives. */
export function bestF1({ positives, negatives }: ScoreTable): { readonly f1: number; readonly lowestGroup: number } {
  const total = sum(positives);
  let [hits, taken] = [0, 0];
  let best = { f1: total > 0 ? 0 : Number.NaN, lowestGroup: positives.length - 1 };
  for (let i = positives.length - 1; i >= 0; i--) {
    hits += positives[i]!;
    taken += positives[i]! + negatives[i]!;
    const f1 = (2 * hits) / (total + taken);
    if (f1 > best.f1) best = { f1, lowestGroup: i };
  }
  return best;
}

/** Share of rows that are on their side of a cutoff: positives at or above it. NaN without rows. */
export function accuracy(table: ScoreTable, cutoff = 0.5): number {
  const right = table.scores.reduce(
    (count, score, i) => count + (score >= cutoff ? table.positives[i]! : table.negatives[i]!),
    0,
  );
  return right / rowsOf(table);
}

/** Accuracy of always saying what is more frequent: belongs beside every accuracy. */
export function majorityAccuracy(rate: number): number {
  return Math.max(rate, 1 - rate);
}

/** Mean score over the base rate: 1 for a model that predicts as many positives as there are. */
export function calibrationInTheLarge(table: ScoreTable): number {
  const predicted = table.scores.reduce((total, score, i) => total + score * rowsAt(table, i), 0);
  return predicted / positivesOf(table);
}

/**
 * Mean distance between score and rate of positives, over ten runs of neighbouring groups with about as many rows each
 * (Naeini et al., AAAI 2015, with bins of equal mass: scores of rare events would all share one bin of equal width).
 */
export function expectedCalibrationError(table: ScoreTable, runs = 10): number {
  const error = calibrationRuns(table, runs).reduce((sum, { surplus }) => sum + Math.abs(surplus), 0);
  return error / rowsOf(table);
}

/** Neighbouring groups, the last one past its end, and how much more their scores add up to than their positives. */
export type CalibrationRun = { readonly from: number; readonly to: number; readonly surplus: number };

export function calibrationRuns(table: ScoreTable, runs = 10): CalibrationRun[] {
  const total = rowsOf(table);
  const found: CalibrationRun[] = [];
  let [from, seen, surplus, run] = [0, 0, 0, 0];
  for (let i = 0; i < table.scores.length; i++) {
    seen += rowsAt(table, i);
    surplus += table.scores[i]! * rowsAt(table, i) - table.positives[i]!;
    if (seen < ((run + 1) * total) / runs && i + 1 < table.scores.length) continue;
    found.push({ from, to: i + 1, surplus });
    [from, surplus] = [i + 1, 0];
    run = Math.floor((seen * runs) / total);
  }
  return found;
}

/** Scores this close to 0 or 1 count as this close: one certain mistake must not cost infinitely much. */
const leastProbability = 1e-7;

/** Largest value that `logLoss` returns. */
export const largestLogLoss = -Math.log(leastProbability);

/** −ln of the probability that the score gave to what happened, in nats; within [0, 16.2]. */
export function logLoss(score: number, label: number): number {
  const probability = label === 1 ? score : 1 - score;
  return -Math.log(Math.max(leastProbability, Math.min(1, probability)));
}

/** Squared distance between score and outcome. */
export function brierLoss(score: number, label: number): number {
  return (score - label) ** 2;
}

/** The mean over rows of one of the losses above. */
export function meanLoss(
  loss: (score: number, label: number) => number,
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
): number {
  return (
    Array.from(scores, (score, i) => loss(score, labels[i]!)).reduce((total, one) => total + one, 0) / scores.length
  );
}

function rowsAt({ positives, negatives }: ScoreTable, i: number): number {
  return positives[i]! + negatives[i]!;
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}
