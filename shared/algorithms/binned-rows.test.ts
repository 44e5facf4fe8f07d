import { describe, expect, it } from 'vitest';
import { binOf } from '../models/bins.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { binnedRows } from './binned-rows.ts';

const random = seededRandom('binned rows');
const rows = Array.from({ length: 9 }, (_, label) => ({
  features: Float32Array.from([0, 0, 0], random.normal),
  label,
}));
const edges = () => [[-0.5, 0, 0.5], [], Array.from({ length: 255 }, (_, i) => (i - 127) / 90)];

describe('binned rows', () => {
  it('have the bin of every feature, and leave out rows that cannot be computed with', () => {
    const bad = { features: Float32Array.of(1, Number.NaN, 1), label: 1 };
    const binned = binnedRows([bad, ...rows, bad], edges());
    expect(binned.rows).toEqual(rows);
    const expected = rows.flatMap(({ features }) => [...features].map((value, i) => binOf(edges()[i]!, value)));
    expect([...binned.bins]).toEqual(expected);
    expect(Math.max(...binnedRows([{ features: Float32Array.of(9, 9, 9), label: 0 }], edges()).bins)).toBe(255);
  });

  it('are the same for whoever asks again, and others on other edges', () => {
    const binned = binnedRows(rows, edges());
    expect(binnedRows(rows, edges())).toBe(binned);
    const [first, ...rest] = edges();
    const moved = binnedRows(rows, [first!.map((edge) => edge + 1), ...rest]);
    expect(moved.bins).not.toEqual(binned.bins);
    expect(binnedRows(rows, edges()).bins).toEqual(binned.bins);
    expect(binnedRows([...rows].reverse(), edges()).bins).not.toEqual(binned.bins);
  });
});
