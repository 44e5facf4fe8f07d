import { expect, it } from 'vitest';
import { runLab } from '../lab.ts';
import { scenarios } from '../scenarios/index.ts';
import { commandOf } from './reproduce.ts';

const scenario = { name: 'additive', dataset: 'cdnow' };

it.each([
  [{ workers: 0 }, ''],
  [{ workers: 2 }, ' --workers 2'],
  [{ workers: 2, long: true } as const, ' --workers 2 --long'],
])('the command of a row names what was typed: %j', (typed, flags) => {
  const command = commandOf(scenario, { seeds: 3 }, typed);
  expect(command).toBe(`npm run lab -- reproduce cdnow --only additive --seeds 3${flags}`);
});

it('every figure has a name of its own, and help tells it', async () => {
  const names = scenarios.map(({ dataset, name }) => `${dataset} --only ${name}:`);
  expect(new Set(names).size).toBe(names.length);
  const help: string[] = [];
  const say = (text: string) => void help.push(text);
  await runLab(['reproduce', '--help'], { result: say, notice: say });
  for (const name of names) expect(help.join('')).toContain(name);
});
