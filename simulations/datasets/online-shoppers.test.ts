import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadOnlineShoppers, parseOnlineShoppers, shopperGrid, withIndicators } from './online-shoppers.ts';

const heading =
  'Administrative,Administrative_Duration,Informational,Informational_Duration,ProductRelated,ProductRelated_Duration,' +
  'BounceRates,ExitRates,PageValues,SpecialDay,Month,OperatingSystems,Browser,Region,TrafficType,VisitorType,Weekend,Revenue';
const session = '3,40.5,0,0,12,300,0.01,0.02,55.5,0.4,June,2,2,1,3,New_Visitor,TRUE,FALSE';

describe('a session at an online shop', () => {
  it('has its columns in their order, and not what its pages had earned', () => {
    const [row, ...others] = parseOnlineShoppers(`${heading}\n${session}\n`);
    expect(others).toEqual([]);
    expect(row!.label).toBe(0);
    const expected = [Math.log(4), Math.log(41.5), 0, 0, Math.log(13), Math.log(301)];
    expect([...row!.features]).toEqual(
      [...expected, 0.01, 0.02, 0.4, 6, 2, 2, 1, 3, 0, 1].map((value) => Math.fround(value)),
    );
    expect(row!.features.length).toBe(shopperGrid.bounds.lower.length);
    expect([...row!.features]).not.toContain(55.5);
  });

  it('has an indicator for each value of a category, where a linear model asks', () => {
    const [row] = parseOnlineShoppers(`${heading}\n${session}\n`);
    const { features, label } = withIndicators(row!);
    const numbers = [...row!.features.slice(0, 9)];
    const indicators = [
      [6, 12],
      [2, 8],
      [2, 13],
      [1, 9],
      [3, 20],
      [1, 3],
    ].flatMap(([place, count]) => Array.from({ length: count! }, (_, i) => Number(i + 1 === place)));
    expect({ features: [...features], label }).toEqual({ features: [...numbers, ...indicators, 1], label: 0 });
  });

  it.each([
    ['a field is missing', session.replace(',0.4,', ',')],
    ['a number is none', session.replace('40.5', 'long')],
    ['a number is empty', session.replace('40.5', '')],
    ['its month is unknown', session.replace('June', 'Brumaire')],
    ['its visitor is unknown', session.replace('New_Visitor', 'toString')],
    ['its outcome is neither', session.replace(/FALSE$/, 'maybe')],
  ])('is refused with its line where %s', (_, line) => {
    expect(() => parseOnlineShoppers(`${heading}\n${session}\n${line}`)).toThrow('online-shoppers, line 3: malformed');
  });

  it('is refused with the column that the file does not have', () => {
    expect(() => parseOnlineShoppers(heading.replace('Month', 'Moon'))).toThrow('no column Month');
  });
});

describe('the sessions', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'chorale-shoppers-'));
  });
  afterAll(() => rm(directory, { recursive: true }));

  it('that are nowhere are not invented', async () => {
    await expect(loadOnlineShoppers({ directory, isOffline: true })).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('online-shoppers.csv.gz'),
    });
  });

  it('that were altered are refused', async () => {
    await writeFile(join(directory, 'online-shoppers.csv.gz'), gzipSync(`${heading}\n${session}\n`));
    await expect(loadOnlineShoppers({ directory, isOffline: true })).rejects.toThrow(/sha256/);
  });
});
