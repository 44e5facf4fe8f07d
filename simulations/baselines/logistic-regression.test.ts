import { sigmoid } from '@chorale/shared/models';
import { seededRandom } from '@chorale/shared/testing';
import { describe, expect, it } from 'vitest';
import { fitLogisticRegression } from './logistic-regression.ts';

function rowsWithTruth(rowCount: number, truth: readonly number[]) {
  const random = seededRandom('truth');
  const width = truth.length - 1;
  const features = Float32Array.from({ length: rowCount * width }, () => random.normal());
  const labels = Float32Array.from({ length: rowCount }, (_, row) => {
    const inputs = [...features.subarray(row * width, (row + 1) * width), 1];
    return random.uniform() < sigmoid(inputs.reduce((sum, value, j) => sum + value * truth[j]!, 0)) ? 1 : 0;
  });
  return { features, labels, rowCount };
}

describe('logistic regression', () => {
  it('finds the parameters that made the labels', () => {
    const truth = [1, -0.5, 0, -1];
    const fitted = fitLogisticRegression(rowsWithTruth(20_000, truth), 3);
    fitted.forEach((value, j) => {
      expect(Math.abs(value - truth[j]!)).toBeLessThan(0.08);
    });
  });

  it('stands where the gradient of its objective is zero', () => {
    const rows = rowsWithTruth(500, [1, -0.5, -1]);
    const ridge = 7;
    const [w0, w1, bias] = fitLogisticRegression(rows, 2, { ridge }) as unknown as [number, number, number];
    const gradient = [ridge * w0, ridge * w1, 0];
    for (let row = 0; row < rows.rowCount; row++) {
      const [x0, x1] = [rows.features[2 * row]!, rows.features[2 * row + 1]!];
      const error = sigmoid(w0 * x0 + w1 * x1 + bias) - rows.labels[row]!;
      gradient[0]! += error * x0;
      gradient[1]! += error * x1;
      gradient[2]! += error;
    }
    for (const slope of gradient) expect(Math.abs(slope)).toBeLessThan(1e-3);
  });

  it('stays finite on separable rows, on one class and on a feature that never varies', () => {
    const separable = { features: Float32Array.of(-1, 0, 1, 0), labels: Float32Array.of(0, 1), rowCount: 2 };
    const oneClass = { ...separable, labels: Float32Array.of(0, 0) };
    for (const rows of [separable, oneClass])
      expect(fitLogisticRegression(rows, 2).every((value) => Number.isFinite(value) && Math.abs(value) < 100)).toBe(
        true,
      );
  });

  it('believes its prior when there is nothing else', () => {
    const nothing = { features: new Float32Array(0), labels: new Float32Array(0), rowCount: 0 };
    expect([...fitLogisticRegression(nothing, 1, { biasPrior: { mean: -2, strength: 1 } })]).toEqual([0, -2]);
  });
});
