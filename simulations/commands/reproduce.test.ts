import { expect, it } from 'vitest';
import { runLab } from '../lab.ts';
import { scenarios } from '../scenarios/index.ts';
import { commandOf, headOf } from './reproduce.ts';

const scenario = { name: 'additive', dataset: 'cdnow' };

it.each([
  [{ workers: 0 }, ''],
  [{ workers: 2 }, ' --workers 2'],
  [{ workers: 2, long: true } as const, ' --workers 2 --long'],
])('the command of a row names what was typed: %j', (typed, flags) => {
  const command = commandOf(scenario, { seeds: 3 }, typed);
  expect(command).toBe(`npm run lab -- reproduce cdnow --only additive --seeds 3${flags}`);
});

it('the page says in words what JSON has keys for', () => {
  const of = scenarios.find(({ name }) => name === 'additive')!;
  const figures = { auc: 0.9, roundsForEdges: 1, interval95: { low: 0.8, high: 0.95 } };
  const report = {
    name: 'r',
    ...{ rounds: 15, epsilon: null, seeds: of.seeds },
    ...figures,
    perSeed: [{ seed: 1, auc: 0.9 }],
  };
  const { facts } = headOf(of, report, 'origin', { workers: 0 });
  expect(facts[0]).toMatch(/^claim: AUC at least [0-9.]+, reached$/);
  expect(facts.slice(1)).toEqual([
    ...['rounds 15', `seeds ${of.seeds}`, 'AUC 0.9', 'rounds for edges 1', '95 % interval 0.8000–0.9500'],
    ...['per seed 0.9000', 'origin'],
  ]);
});

it('every figure has a name of its own, and help tells it', async () => {
  const names = scenarios.map(({ dataset, name }) => `${dataset} --only ${name}:`);
  expect(new Set(names).size).toBe(names.length);
  const help: string[] = [];
  const say = (text: string) => void help.push(text);
  await runLab(['reproduce', '--help'], { result: say, notice: say });
  for (const name of names) expect(help.join('')).toContain(name);
});
