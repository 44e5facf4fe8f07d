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
  ['audit --models 0 --data synthetic', 'takes a model'],
  ['audit --data nobody', 'nobody'],
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
