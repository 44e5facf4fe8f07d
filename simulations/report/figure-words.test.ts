import { expect, it } from 'vitest';
import { figureWords } from './figure-words.ts';

it.each([
  ['auc', 'AUC'],
  ['aucCentral', 'AUC of central logistic regression'],
  ['aucWithoutNoise', 'AUC without noise'],
  ['roundsForEdges', 'rounds for edges'],
  ['interval95', '95 % interval'],
  ['l2', 'l2'],
  ['constructor', 'constructor'],
])('the figure %s is %s in words', (key, words) => {
  expect(figureWords(key)).toBe(words);
});
