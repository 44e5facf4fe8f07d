/** What a page calls the figures of a reproduction, whose keys are made for JSON. */

/** Those that are more, or less, than the words they are put together of. */
const named: Readonly<Record<string, string>> = {
  ...{ epsilon: 'ε', delta: 'δ', noiseEpsilon: 'ε of the noise', noiseDelta: 'δ of the noise' },
  ...{ interval95: '95 % interval', prAuc: 'PR-AUC', liftAtTenth: 'lift of the best-scored tenth' },
  ...{ aucEmbargoed: 'AUC an hour before', rowsEmbargoChanges: 'rows that this hour changes' },
  ...{ aucUnseen: 'AUC of unseen customers', rowsUnseen: 'rows of unseen customers' },
  ...{ customersUnseen: 'unseen customers', aucRecency: 'AUC of the time since the last purchase' },
  ...{ aucCentral: 'AUC of central logistic regression', aucCentralBoosting: 'AUC of central boosted trees' },
  ...{ aucLocalOnly: 'AUC of every device for itself', aucOwnRate: 'AUC of the own purchase rate' },
  ...{ aucBaseRate: 'AUC of the base rate', logLossBaseRate: 'log loss of the base rate' },
};

/** @param key in camel case, such as `roundsForEdges` */
export function figureWords(key: string): string {
  if (Object.hasOwn(named, key)) return named[key]!;
  return key.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).replace(/^auc\b/, 'AUC');
}
