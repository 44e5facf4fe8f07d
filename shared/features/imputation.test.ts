import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countRows, gridOf } from './feature-grid.ts';
import { mediansOf } from './grid-counts.ts';
import { imputeFromNeighbours, imputeMedians } from './imputation.ts';
import { missingValues } from './schema.ts';
import { transactions1 } from './transactions.ts';

const constant = Math.log1p(999);
const missing = [null, constant, null];
const row = (...values: number[]) => Float32Array.from(values);
const anyValue = fc.float({ noNaN: true, min: -1000, max: 1000 });
const anyRow = fc
  .tuple(anyValue, fc.option(anyValue, { nil: constant }), anyValue)
  .map((values): Float32Array<ArrayBuffer> => Float32Array.from(values));

describe('medians', () => {
  it('stand in for what is missing, and for nothing else', () => {
    expect(imputeMedians(row(1, constant, 3), missing, [9, 2, 9])).toEqual(row(1, 2, 3));
    expect(imputeMedians(row(Number.NaN, 5, 3), missing, [9, 2, 9])).toEqual(row(9, 5, 3));
  });

  it('that nobody knows leave the constant', () => {
    expect(imputeMedians(row(1, constant, 3), missing, [9, Number.NaN, 9])).toEqual(row(1, constant, 3));
  });

  it('come from the grid of everybody’s rows, in which missing values count apart', () => {
    const at = transactions1.features.findIndex(({ name }) => name === 'gapMean');
    const withGap = (days: number) => {
      const features = new Float32Array(transactions1.features.length);
      features[at] = Math.log1p(days);
      return { features };
    };
    const rows = [999, 999, 999, 999, 20, 30, 40].map(withGap);
    const grid = gridOf(transactions1);
    const medians = mediansOf({ grid, counts: countRows(grid, rows) });
    const filled = imputeMedians(rows[0]!.features, missingValues(transactions1), medians);
    expect(Math.abs(filled[at]! - Math.log1p(30))).toBeLessThanOrEqual(Math.log1p(3650) / 256);
    expect(imputeMedians(rows[5]!.features, missingValues(transactions1), medians)).toEqual(rows[5]!.features);
  });

  it('are one per feature', () => {
    expect(() => imputeMedians(row(1, 2, 3), missing, [1, 2])).toThrow(RangeError);
  });
});

describe('nearest rows', () => {
  const scales = [1, 1, 10];
  const fill = (features: Float32Array<ArrayBuffer>, neighbours: Float32Array[], count: number) =>
    imputeFromNeighbours(features, neighbours, { missing, scales, count });

  it('change nothing that is known, and fill in from within what they know', () => {
    fc.assert(
      fc.property(
        anyRow,
        fc.array(anyRow, { maxLength: 8 }),
        fc.integer({ min: 1, max: 4 }),
        (features, rows, count) => {
          const filled = fill(features, rows, count);
          expect([filled[0], filled[2]]).toEqual([features[0], features[2]]);
          const known = rows.map((other) => other[1]!).filter((value) => value !== Math.fround(constant));
          if (features[1] !== Math.fround(constant) || known.length === 0) expect(filled[1]).toBe(features[1]);
          else {
            expect(filled[1]).toBeGreaterThanOrEqual(Math.min(...known));
            expect(filled[1]).toBeLessThanOrEqual(Math.max(...known));
          }
        },
      ),
    );
  });

  it('are near by what both know, in units of the scales', () => {
    const rows = [row(0, 5, 0), row(3, 7, 0), row(0, 9, 40)];
    expect(fill(row(1, constant, 0), rows, 1)[1]).toBe(5);
    expect(fill(row(1, constant, 35), rows, 1)[1]).toBe(9);
    expect(fill(row(1, constant, 0), rows, 2)[1]).toBe(6);
    // 20 of the third feature is nearer than 3 of the first.
    expect(fill(row(0, constant, 0), [row(3, 7, 0), row(0, 9, 20)], 1)[1]).toBe(9);
  });

  it('that do not know the value themselves are passed over', () => {
    expect(fill(row(0, constant, 0), [row(0, constant, 0), row(8, 3, 0)], 1)[1]).toBe(3);
    expect(fill(row(0, constant, 0), [row(0, constant, 0)], 1)).toEqual(row(0, constant, 0));
  });

  it('have the same features', () => {
    expect(() => fill(row(0, constant, 0), [row(1, 2)], 1)).toThrow(RangeError);
  });
});
