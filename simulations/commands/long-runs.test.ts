import { describe, expect, it } from 'vitest';
import { runLab } from '../lab.ts';

async function lab(line: string) {
  const written = { result: '', notice: '' };
  const code = await runLab(line.split(' '), {
    result: (text) => {
      written.result += `${text}\n`;
    },
    notice: (text) => {
      written.notice += `${text}\n`;
    },
  });
  return { code, ...written };
}

it.each([
  ['reproduce', "missing required argument 'dataset'"],
  ['reproduce synthetic', 'synthetic'],
  ['reproduce online-retail --only magic', 'magic is none of dp'],
  ['reproduce online-retail --seeds x', 'whole number'],
  ['reproduce online-retail --report page.html', '--report shows one figure'],
  ['audit --models 0 --data synthetic', 'takes a model'],
  ['audit --data nobody', 'nobody'],
  ['attack poisoning --cohorts 4', 'a robust rule takes five'],
  ['attack poisoning --shares 0,.1', 'shares: each above 0'],
  ['attack poisoning --shares some', 'number such as'],
  ['attack poisoning --trim .5', 'trim: above 0 and below .5'],
  ['attack poisoning --attacks magic', 'magic'],
])('wrong usage is exit code 2 and the reason: %s', async (line, reason) => {
  const { code, result, notice } = await lab(line);
  expect({ code, result }).toEqual({ code: 2, result: '' });
  expect(notice).toContain(reason);
});

describe('lab audit', () => {
  it('prints one JSON object that a model card can carry', async () => {
    const { code, result, notice } = await lab(
      'audit --models 2 --participations 2 --people 5 --data synthetic --json',
    );
    expect(code).toBe(0);
    expect(notice).toContain('nobody in it exists');
    expect(result.trimEnd().split('\n')).toHaveLength(1);
    const claim = JSON.parse(result);
    expect(claim).toMatchObject({
      name: 'canary-audit',
      canaries: 54,
      models: 2,
      confidence: 0.95,
      dataset: 'synthetic',
    });
    expect(claim.epsilonLowerBound).toBeLessThan(claim.epsilonAccounted);
  });
});

describe('lab attack poisoning', () => {
  const small = 'attack poisoning --data synthetic --attacks scaled --shares .01 --cohort 10 --cohorts 5 --rounds 1';

  it('says by rule how good the model is and how often the backdoor opens, and what the rules cost', async () => {
    const { code, result, notice } = await lab(small);
    expect(code).toBe(0);
    expect(notice).toContain('nobody in it exists');
    expect(result).toContain('2.24 (sum), 2.39 (trimmed-mean), 2.64 (median) times that of one cohort');
    expect(result).toMatch(
      /without noise +poisoners +hit +sum +trimmed-mean +median\nnobody attacks +0 % +0 % +0\.\d{3} \d+ %/,
    );
    expect(result.split('\n').filter((line) => line.startsWith('scaled  '))).toHaveLength(2);
  });

  it('prints one JSON object, with noise alone where so told', async () => {
    const { result } = await lab(`${small} --noise with --json`);
    expect(result.trimEnd().split('\n')).toHaveLength(1);
    const { findings, ...facts } = JSON.parse(result);
    expect(facts).toMatchObject({ name: 'poisoning', dataset: 'synthetic', cohort: 10, cohorts: 5, seeds: 1 });
    expect(findings).toHaveLength(6);
    expect(findings[0]).toMatchObject({ attack: null, share: 0, merge: { rule: 'sum' }, isNoisy: true, committed: 1 });
  });
});
