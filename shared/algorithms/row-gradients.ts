/** Gradient and curvature of the logistic loss in whole steps, so that sums of them are the same in any order. */

import { sigmoid } from '../models/predict.ts';

/**
 * Steps in a clip norm that is a power of two: the finest that a plain grid gives to cohorts of up to 2,047 devices. On it
 * whole steps come through encoding, masks and sum as they are, however rounding is drawn.
 */
const stepsPerClipNorm = 2 ** 20;

/** Of a sum whose clip norm is a power of two, the part that one step is. */
export function exactStep(clipNorm: number): number {
  return clipNorm / stepsPerClipNorm;
}

/** @returns gradient p − y and curvature p(1 − p), each to the nearest multiple of its step */
export function rowGradient(
  logit: number,
  label: number,
  step: { readonly gradient: number; readonly curvature: number },
): { gradient: number; curvature: number } {
  const probability = sigmoid(logit);
  return {
    gradient: nearest(probability - label, step.gradient),
    curvature: nearest(probability * (1 - probability), step.curvature),
  };
}

function nearest(value: number, step: number): number {
  return Math.round(value / step) * step;
}
