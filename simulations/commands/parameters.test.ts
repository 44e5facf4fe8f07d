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

describe('lab parameters', () => {
  it('prints one JSON object with the known numbers', async () => {
    const { code, result, notice } = await lab('parameters --devices 1000 --corrupt .1 --dropout .3 --sigma 40 --json');
    expect({ code, notice }).toEqual({ code: 0, notice: '' });
    expect(result.trimEnd().split('\n')).toHaveLength(1);
    expect(result).toContain('"neighbours":204,"leastThreshold":55,"threshold":66,"windowSurvivors":39');
    expect(JSON.parse(result)).toMatchObject({
      devices: 1000,
      corrupt: 0.1,
      dropout: 0.3,
      sigma: 40,
      eta: 30,
      complete: false,
      greatestThreshold: 100,
      minSurvivors: 700,
    });
  });

  it('assumes a tenth corrupt, three tenths absent, σ = 80 and η = 30 unless told', async () => {
    const usual = await lab('parameters --devices 256 --json');
    const told = await lab('parameters --devices 256 --corrupt 0.1 --dropout 0.3 --sigma 80 --eta 30 --json');
    expect(usual.result).toBe(told.result);
    expect(JSON.parse(usual.result)).toMatchObject({
      neighbours: 138,
      threshold: 39,
      windowSurvivors: 26,
      committee: 162,
      committeeThreshold: 94,
    });
  });

  it('says how many corrupt devices a round of several cohorts may hold', async () => {
    const { result } = await lab('parameters --devices 256 --cohorts 40 --json');
    expect(JSON.parse(result)).toMatchObject({ cohorts: 40, roundDevices: 10_240, mostCorruptInRound: 58 });
    const alone = JSON.parse((await lab('parameters --devices 256 --json')).result);
    expect(alone).toMatchObject({ cohorts: 1, roundDevices: 256, mostCorruptInRound: alone.corruptDevices });
    const told = await lab('parameters --devices 256 --cohorts 40');
    expect(told.result).toMatch(/mostCorruptInRound +58 {3}.*40 such cohorts.*0\.57 % of 10240: an assumption\.$/m);
  });

  it('explains every number to a reader', async () => {
    const { code, result } = await lab('parameters --devices 1000 --sigma 40');
    expect(code).toBe(0);
    expect(result).toContain('1000 devices, of whom 100 may be corrupt and 300 may drop out; σ = 40, η = 30');
    for (const row of [/neighbours +204 {3}\S.*\.$/m, /threshold +66 {3}\S.*\.$/m, /windowSurvivors +39 {3}\S.*\.$/m])
      expect(result).toMatch(row);
    expect((await lab('parameters --devices 10')).result).toContain('Every device masks with every other.');
  });

  it.each([
    ['parameters', '--devices'],
    ['parameters --devices many', 'whole number'],
    ['parameters --devices 10.5', 'whole number'],
    ['parameters --devices 2', 'devices must be'],
    ['parameters --devices 100 --corrupt 10', 'fraction'],
    ['parameters --devices 100 --corrupt .12345', 'four digits'],
    ['parameters --devices 100 --dropout -.1', 'fraction'],
    ['parameters --devices 100 --sigma 0', 'sigma must be'],
    ['parameters --devices 100 --corrupt .4', 'no threshold and committee'],
    ['parameters --devices 100 --what', '--what'],
    ['parameters --devices 256 --cohorts 65', 'roundDevices must be'],
    ['parameters --devices 256 --cohorts 0', 'roundDevices must be'],
    ['unheard-of', 'unheard-of'],
  ])('answers wrong usage with exit code 2 and the reason: %s', async (line, reason) => {
    const { code, result, notice } = await lab(line);
    expect({ code, result }).toEqual({ code: 2, result: '' });
    expect(notice).toContain(reason);
  });

  it('has help', async () => {
    const { code, result } = await lab('parameters --help');
    expect(code).toBe(0);
    const words = result.replace(/\s+/g, ' ');
    for (const part of ['--devices <count>', '(default: 0.1)', '(default: 80)', 'Example:'])
      expect(words).toContain(part);
    expect((await lab('--help')).result).toContain('parameters');
  });
});
