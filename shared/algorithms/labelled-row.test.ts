import { describe, expect, it } from 'vitest';
import { seededRandom } from '../testing/seeded-random.ts';
import { batchOf, finiteBatchOf, sampleRows } from './labelled-row.ts';

describe('a sample', () => {
  const rows = Array.from({ length: 20 }, (_, i) => i);

  it('is all rows when they are few, and as many distinct ones as asked for when not', () => {
    const random = seededRandom(1);
    expect(sampleRows(rows, 20, random)).toEqual(rows);
    const sample = sampleRows(rows, 7, random);
    expect([sample.length, new Set(sample).size]).toEqual([7, 7]);
    expect(rows).toEqual([...rows].sort((a, b) => a - b));
  });

  it('takes every row equally often', () => {
    const random = seededRandom(2);
    const taken = new Array(20).fill(0);
    for (let i = 0; i < 4000; i++) for (const row of sampleRows(rows, 5, random)) taken[row] += 1;
    // Each is taken 1000 ± 27 times; 5 of these are a chance of 1e-5 over all twenty.
    for (const count of taken) expect(Math.abs(count - 1000)).toBeLessThan(137);
  });
});

describe('a batch', () => {
  const rows = [
    { features: Float32Array.of(1, 10), label: 1 },
    { features: Float32Array.of(3, 50), label: 0 },
  ];

  it('is row-major, raw without a standardisation', () => {
    const { features, labels, rowCount } = batchOf(rows, 2, undefined);
    expect([[...features], [...labels], rowCount]).toEqual([[1, 10, 3, 50], [1, 0], 2]);
  });

  it('is standardised with one', () => {
    const { features } = batchOf(rows, 2, { mean: [2, 10], std: [1, 10], clip: 3 });
    expect([...features]).toEqual([-1, 0, 1, 3]);
  });

  it('refuses a row of another width', () => {
    expect(() => batchOf(rows, 3, undefined)).toThrow(/one number per input/);
  });
});

describe('a batch of the rows that can be computed with', () => {
  const finite = [
    { features: Float32Array.of(1, 10, 4, 5, 6), label: 1 },
    { features: Float32Array.of(3, 50, 3e38, 3e38, -3e38), label: 0 },
  ];
  const standardization = () => ({ mean: [2, 10, 0, 0, 0], std: [1, 10, 1, 1, 1], clip: 3 });

  it.each([
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ])('leaves out one with %d anywhere', (bad) => {
    const spoiled = finite[0]!.features.length;
    const rows = Array.from({ length: spoiled }, (_, at) => ({
      features: finite[0]!.features.map((value, i) => (i === at ? bad : value)),
      label: 1,
    }));
    expect(finiteBatchOf([...rows, ...finite], 5, undefined)).toEqual(batchOf(finite, 5, undefined));
  });

  it('is the same one for whoever asks again, and another where they ask for something else', () => {
    const batch = finiteBatchOf(finite, 5, standardization());
    expect(batch).toEqual(batchOf(finite, 5, standardization()));
    expect(finiteBatchOf(finite, 5, standardization())).toBe(batch);
    expect(finiteBatchOf([...finite], 5, standardization())).not.toBe(batch);
    const other = { ...standardization(), std: [1, 10, 1, 2, 1] };
    expect(finiteBatchOf(finite, 5, other)).toEqual(batchOf(finite, 5, other));
    expect(finiteBatchOf(finite, 5, undefined)).toEqual(batchOf(finite, 5, undefined));
    expect(() => finiteBatchOf(finite, 4, undefined)).toThrow('one number per input');
  });
});
