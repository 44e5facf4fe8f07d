import { seededRandom } from '@chorale/shared/testing';
import { describe, expect, it } from 'vitest';
import { runLab } from '../lab.ts';

/** Runs one command line as the shell would split it. */
async function lab(line: string) {
  const written = { result: '', notice: '' };
  const output = (to: 'result' | 'notice') => (text: string) => {
    written[to] += `${text}\n`;
  };
  const code = await runLab(`detectable-effect ${line}`.split(' '), {
    result: output('result'),
    notice: output('notice'),
  });
  return { code, ...written };
}

const shop = '--control 5000 --treatment 5000 --base-rate .11';

describe('lab detectable-effect', () => {
  it('prints one JSON object: 2.80 standard errors at 5 % and 80 %', async () => {
    const { code, result, notice } = await lab(`${shop} --json`);
    expect({ code, notice, lines: result.trimEnd().split('\n').length }).toEqual({ code: 0, notice: '', lines: 1 });
    const report = JSON.parse(result);
    expect(report.effect).toBeCloseTo(2.80159 * Math.sqrt((2 * 0.11 * 0.89) / 5000), 6);
    expect(report.relative).toBeCloseTo(report.effect / 0.11, 12);
    expect(report).toMatchObject({ control: 5000, treatment: 5000, baseRate: 0.11, alpha: 0.05, power: 0.8 });
  });

  it('is found as often as it says, by outcomes drawn anew', async () => {
    const line = '--control 300 --treatment 100 --standard-deviation 2 --power .9 --json';
    const { effect } = JSON.parse((await lab(line)).result);
    const random = seededRandom('detectable');
    const runs = 2000;
    let found = 0;
    for (let run = 0; run < runs; run++) {
      const mean = (people: number) => (2 * random.normal()) / Math.sqrt(people);
      const z = (effect + mean(100) - mean(300)) / (2 * Math.sqrt(1 / 100 + 1 / 300));
      if (Math.abs(z) > 1.959964) found += 1;
    }
    // 90 % ± .67 %; four of these.
    expect(Math.abs(found / runs - 0.9), 'seed detectable').toBeLessThan(0.027);
  });

  it('needs less of people whose past says something, and says so', async () => {
    const [alone, known] = await Promise.all([lab(`${shop} --json`), lab(`${shop} --correlation .6 --json`)]);
    expect(JSON.parse(known.result).effect).toBeCloseTo(0.8 * JSON.parse(alone.result).effect, 12);
    expect((await lab(`${shop} --correlation .6`)).result).toContain('correlates by 0.6');
  });

  it('explains itself to a reader', async () => {
    const { result } = await lab(shop);
    expect(result).toMatch(/^an effect of 0\.0175 is found with probability 0\.8, /);
    expect(result).toContain('That is 15.9 % of a base rate of 0.11.');
    expect((await lab('--help')).result).toContain('Example: lab detectable-effect');
  });
});

it.each([
  ['--control 5000 --treatment 5000', 'one of --base-rate and --standard-deviation'],
  [`${shop} --standard-deviation 2`, 'cannot be used with'],
  ['--control 5000 --base-rate .1', '--treatment'],
  ['--control 1 --treatment 5000 --base-rate .1', 'at least 2 people'],
  ['--control 9 --treatment 9 --base-rate 0', 'base-rate'],
  ['--control 9 --treatment 9 --standard-deviation 0', 'standard-deviation'],
  [`${shop} --correlation 1`, 'correlation'],
  [`${shop} --alpha 0`, 'alpha'],
  [`${shop} --power 1`, 'power'],
  [`${shop} --power much`, 'number such as'],
])('wrong usage is exit code 2 and the reason: %s', async (line, reason) => {
  const { code, result, notice } = await lab(line);
  expect({ code, result }).toEqual({ code: 2, result: '' });
  expect(notice).toContain(reason);
});
