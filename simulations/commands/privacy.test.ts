import { describe, expect, it } from 'vitest';
import { runLab } from '../lab.ts';

/** Runs one command line as the shell would split it. */
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

const sampled = 'epsilon --sampling-rate .01 --noise-multiplier 4 --steps 10000 --delta 1e-5';

describe('lab epsilon', () => {
  it.each([
    ['rdp', 1.03549007],
    ['pld', 0.946999],
  ])('prints one JSON object with the known ε: %s', async (accountant, epsilon) => {
    const { code, result, notice } = await lab(`${sampled} --accountant ${accountant} --json`);
    expect({ code, notice }).toEqual({ code: 0, notice: '' });
    expect(result.trimEnd().split('\n')).toHaveLength(1);
    expect(result).toMatch(/^\{"epsilon":/);
    const report = JSON.parse(result);
    expect(Math.abs(report.epsilon - epsilon)).toBeLessThan(1e-4);
    expect(report).toMatchObject({ delta: 1e-5, accountant, samplingRate: 0.01, noiseMultiplier: 4, steps: 10_000 });
  });

  it('counts every step as a participation where the accountant knows no sampling', async () => {
    const zcdp = JSON.parse((await lab(`${sampled} --accountant zcdp --json`)).result);
    const gaussian = JSON.parse((await lab(`${sampled} --accountant gaussian --json`)).result);
    expect(zcdp.rho).toBe(312.5);
    expect(zcdp.epsilon).toBeGreaterThan(gaussian.epsilon);
    expect(gaussian.epsilon).toBeGreaterThan(312.5);
    expect(zcdp.note).toContain('ignores the sampling rate');
  });

  it('takes part for sure unless told, and then has nothing to warn of', async () => {
    const line = 'epsilon --noise-multiplier 1 --steps 1 --delta 1e-5';
    const report = JSON.parse((await lab(`${line} --accountant gaussian --json`)).result);
    expect(report.epsilon).toBeCloseTo(4.377178, 6);
    expect(report.note).toBeUndefined();
    expect((await lab(line)).result).toContain('epsilon 4.3772 at delta 0.00001');
  });

  it('says that sampling does not protect against the coordinator', async () => {
    for (const line of [`${sampled} --accountant rdp`, `${sampled} --accountant rdp --json`])
      expect((await lab(line)).result).toMatch(/coordinator.*no amplification/);
  });
});

describe('lab noise', () => {
  it('prints one JSON object whose numbers fit each other', async () => {
    const { code, result, notice } = await lab('noise --epsilon 1 --delta 1e-5 --participations 37 --json');
    expect({ code, notice }).toEqual({ code: 0, notice: '' });
    const { noiseMultiplier, rho, plan, ...rest } = JSON.parse(result);
    expect(rho).toBeCloseTo(37 / (2 * noiseMultiplier ** 2), 12);
    expect(plan.numerator / plan.denominator).toBeCloseTo(noiseMultiplier, 3);
    expect(rest).toMatchObject({ accountant: 'zcdp', participations: 37 });
    const back = await lab(
      `epsilon --noise-multiplier ${noiseMultiplier} --steps 37 --delta 1e-5 --accountant zcdp --json`,
    );
    expect(JSON.parse(back.result).epsilon).toBeCloseTo(1, 8);
  });

  it('explains itself to a reader', async () => {
    const { result } = await lab('noise --epsilon 1 --delta 1e-5 --participations 37');
    for (const row of [/noise multiplier +\d+\.\d{4} {3}\S.*\.$/m, /rho each +0\.\d+ {3}\S.*\.$/m])
      expect(result).toMatch(row);
  });

  it('needs less noise for devices that are only drawn, and says against whom', async () => {
    const [sure, drawn] = await Promise.all(
      ['1', '.1'].map((rate) =>
        lab(`noise --epsilon 1 --delta 1e-5 --participations 100 --sampling-rate ${rate} --accountant rdp --json`),
      ),
    );
    expect(JSON.parse(drawn!.result).noiseMultiplier).toBeLessThan(JSON.parse(sure!.result).noiseMultiplier / 4);
    expect(drawn!.result).toContain('no amplification');
  });
});

it.each([
  ['epsilon --steps 1 --delta 1e-5', '--noise-multiplier'],
  ['epsilon --noise-multiplier x --steps 1 --delta 1e-5', 'number such as'],
  ['epsilon --noise-multiplier 1 --steps 1.5 --delta 1e-5', 'whole number'],
  ['epsilon --noise-multiplier 1 --steps 0 --delta 1e-5', 'steps'],
  ['epsilon --noise-multiplier 1 --steps 1 --delta 1', 'delta'],
  ['epsilon --noise-multiplier 1 --steps 1 --delta 1e-12', 'delta of 1e-10'],
  ['epsilon --noise-multiplier 1 --steps 1 --delta 1e-5 --sampling-rate 2', 'sampling rate'],
  ['epsilon --noise-multiplier 1 --steps 1 --delta 1e-5 --accountant magic', 'magic'],
  ['noise --epsilon 0 --delta 1e-5 --participations 3', 'epsilon'],
  ['noise --epsilon -1 --delta 1e-5 --participations 3', 'a positive number'],
  ['epsilon --noise-multiplier -4 --steps 1 --delta 1e-5', 'a positive number'],
  ['noise --epsilon 1 --delta -1 --participations 3', 'between 0 and 1'],
  ['epsilon --noise-multiplier 1 --steps 1 --delta 1', 'between 0 and 1'],
  ['noise --epsilon 1 --delta 1e-5', '--participations'],
  ['noise --epsilon 1 --delta 1e-5 --participations 3 --what', '--what'],
])('wrong usage is exit code 2 and the reason: %s', async (line, reason) => {
  const { code, result, notice } = await lab(line);
  expect({ code, result }).toEqual({ code: 2, result: '' });
  expect(notice).toContain(reason);
});
