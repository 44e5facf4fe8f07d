/** The AUC again where a model has it harder: without the last hour before a cut, and on people it has never seen. */

import { rocAuc, tableOfRows } from '@chorale/shared/algorithms';
import type { Rows } from '../baselines/index.ts';
import type { Judged, Outcome } from './method.ts';

/** A type, so that it is a record of numbers: what cannot be computed is left out. */
export type SternerFigures = {
  /** Of rows that know nothing of the last hour before their cut. */
  readonly aucEmbargoed?: number;
  /** Test rows that an hour makes a difference to; where there are none, it says nothing. */
  readonly rowsEmbargoChanges?: number;
  /** Of test rows of customers without any training row. */
  readonly aucUnseen?: number;
  readonly rowsUnseen?: number;
  readonly customersUnseen?: number;
};

export function sternerFigures({ scores, scoresOf }: Outcome, { train, test, embargoed }: Judged): SternerFigures {
  return {
    ...(embargoed &&
      scoresOf && {
        ...auc('aucEmbargoed', scoresOf(embargoed.rows), embargoed.rows.labels),
        rowsEmbargoChanges: embargoed.changed,
      }),
    ...(train && unseenFigures(scores, test, new Set(train.owners))),
  };
}

function unseenFigures(scores: Float32Array, { labels, owners }: Rows, seen: ReadonlySet<number>): SternerFigures {
  const rows = [...owners.keys()].filter((row) => !seen.has(owners[row]!));
  const pick = (from: Float32Array) => Float32Array.from(rows, (row) => from[row]!);
  return {
    ...auc('aucUnseen', pick(scores), pick(labels)),
    rowsUnseen: rows.length,
    customersUnseen: new Set(rows.map((row) => owners[row])).size,
  };
}

/** Nothing where all labels are the same. */
function auc(name: 'aucEmbargoed' | 'aucUnseen', scores: Float32Array, labels: Float32Array): SternerFigures {
  const value = rocAuc(tableOfRows(scores, labels));
  return Number.isFinite(value) ? { [name]: value } : {};
}
