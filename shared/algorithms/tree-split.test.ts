import { describe, expect, it } from 'vitest';
import { bestSplit, leafValue, shrunkenLeaf } from './tree-split.ts';

const rules = { l2: 1, minChildWeight: 0, minGain: 0 };

describe('the best split', () => {
  // Of the whole node G = −2, H = 4: with λ = 1 its score is 4/5.
  const edges = [[1], [5, 9]];
  const node = { gradients: [-4, 2, -3, -1, 2], curvatures: [2, 2, 1, 1, 2] };

  it('has the largest G²/(H + λ) on both sides together, and is the first of several', () => {
    // Feature 0: 16/3 + 4/3. Feature 1: 9/2 + 1/4 at its first edge, and at its second the same as feature 0.
    const first = { feature: 0, edge: 0, left: { gradient: -4, curvature: 2 }, right: { gradient: 2, curvature: 2 } };
    expect(bestSplit(edges, node, rules)).toEqual(first);
    const swapped = { gradients: [-3, -1, 2, -4, 2], curvatures: [1, 1, 2, 2, 2] };
    expect(bestSplit([[5, 9], [1]], swapped, rules)).toEqual({ ...first, edge: 1 });
  });

  it('is none where the gain, 20/3 − 4/5, is not above the least', () => {
    const gain = 20 / 3 - 4 / 5;
    expect(bestSplit(edges, node, { ...rules, minGain: gain - 1e-9 }).feature).toBe(0);
    expect(bestSplit(edges, node, { ...rules, minGain: gain + 1e-9 })).toEqual({
      ...{ feature: -1, edge: 0 },
      left: { gradient: -2, curvature: 4 },
      right: { gradient: 0, curvature: 0 },
    });
  });

  it('leaves no side with less than the least curvature, and takes what is exactly that', () => {
    expect(bestSplit(edges, node, { ...rules, minChildWeight: 2 })).toMatchObject({ feature: 0, edge: 0 });
    expect(bestSplit(edges, node, { ...rules, minChildWeight: 2 + 1e-9 }).feature).toBe(-1);
  });

  it('trusts few rows as far as λ lets it', () => {
    // Feature 0 cuts off curvature .1: 4/.1 + 4/3.9 = 41 against 9/2 + 9/2 = 9; with λ = 1 it is 4/1.1 + 4/4.9 = 4.5 against 6.
    const lopsided = { gradients: [-2, 2, -3, 3], curvatures: [0.1, 3.9, 2, 2] };
    const split = (more: object) => bestSplit([[1], [1]], lopsided, { ...rules, ...more }).feature;
    expect([split({ l2: 0 }), split({ l2: 1 }), split({ l2: 0, minChildWeight: 0.2 })]).toEqual([0, 1, 1]);
    const mirrored = { gradients: [2, -2, -3, 3], curvatures: [3.9, 0.1, 2, 2] };
    const other = (minChildWeight: number) =>
      bestSplit([[1], [1]], mirrored, { ...rules, l2: 0, minChildWeight }).feature;
    expect([other(0), other(0.2)]).toEqual([0, 1]);
    expect([split({ minGain: 5.999 }), split({ minGain: 6 })]).toEqual([1, -1]);
  });

  it('of nobody is none, also without λ', () => {
    expect(bestSplit([[1]], { gradients: [0, 0], curvatures: [0, 0] }, { ...rules, l2: 0 }).feature).toBe(-1);
  });
});

it('a leaf is −G/(H + λ), nearer to 0 under noise, and 0 for nobody', () => {
  expect(leafValue({ gradient: -3, curvature: 2 }, 1)).toBe(1);
  expect(leafValue({ gradient: 0, curvature: 0 }, 0)).toBe(0);
  // λ(1 + σ²/H) = 1 + 4/2.
  expect(shrunkenLeaf({ gradient: -3, curvature: 2 }, { l2: 1, noiseStd: 2 })).toBeCloseTo(3 / 5, 12);
  expect(shrunkenLeaf({ gradient: -3, curvature: 2 }, { l2: 1, noiseStd: 0 })).toBe(1);
  expect(shrunkenLeaf({ gradient: -3, curvature: -0.1 }, { l2: 1, noiseStd: 2 })).toBe(0);
});
