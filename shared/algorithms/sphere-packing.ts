/** Starting points that know nothing of the data: spread over the whole space, so that no segment begins beside another. */

import { uniformWords } from '../encoding/draws.ts';
import type { Random } from '../ports.ts';

/** Draws of a single point before a radius counts as too large. */
const triesPerPoint = 100;

/** Halvings of the radius: more do not move a point that anybody could tell from the last. */
const halvings = 16;

/**
 * Points in [−1, 1]^width, drawn one by one so that no two are nearer than 2a and none nearer than a to the border, for about
 * the largest a at which that succeeds (Su et al., CODASPY 2016).
 *
 * @returns count × width numbers, point after point
 */
export function spherePacking(count: number, width: number, random: Random): Float32Array<ArrayBuffer> {
  let [fits, tooLarge] = [0, 1];
  let points = drawPoints(count, width, 0, random)!;
  for (let i = 0; i < halvings; i++) {
    const radius = (fits + tooLarge) / 2;
    const drawn = drawPoints(count, width, radius, random);
    if (drawn === undefined) tooLarge = radius;
    else [fits, points] = [radius, drawn];
  }
  return Float32Array.from(points.flat());
}

/** @returns undefined if a point finds no place */
function drawPoints(count: number, width: number, radius: number, random: Random): number[][] | undefined {
  const points: number[][] = [];
  while (points.length < count) {
    const point = drawPoint(points, width, radius, random);
    if (point === undefined) return undefined;
    points.push(point);
  }
  return points;
}

function drawPoint(others: number[][], width: number, radius: number, random: Random): number[] | undefined {
  for (let i = 0; i < triesPerPoint; i++) {
    const point = Array.from(uniformWords(random, width), (word) => (1 - radius) * (word / 2 ** 31 - 1));
    if (others.every((other) => distance(point, other) >= 2 * radius)) return point;
  }
  return undefined;
}

function distance(a: readonly number[], b: readonly number[]): number {
  return Math.hypot(...a.map((value, i) => value - b[i]!));
}
