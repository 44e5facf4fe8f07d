/** Segments as somebody finds them who has everybody's points in one table: the yardstick for federated ones. */

import { nearestCentroid, squaredDistances } from '@chorale/shared/models';
import type { SeededRandom } from '@chorale/shared/testing';

export type Segments = {
  /** Segment after segment, `width` numbers each. */
  readonly centers: Float32Array;
  /** Of each point, its segment. */
  readonly labels: readonly number[];
  /** Sum of squared distances to the nearest centre. */
  readonly inertia: number;
};

type LloydOptions = {
  readonly segments: number;
  /** Of so many starts the best counts. */
  readonly starts: number;
  readonly random: SeededRandom;
};

/** Lloyd's iteration until nothing changes, from starts as D. Arthur and S. Vassilvitskii draw them (k-means++, SODA 2007). */
export function lloyd(points: readonly Float32Array[], { segments, starts, random }: LloydOptions): Segments {
  const runs = Array.from({ length: starts }, () => settle(points, spreadStart(points, segments, random)));
  return runs.reduce((best, run) => (run.inertia < best.inertia ? run : best));
}

/** @param points all with as many numbers as each centre */
export function segmentsAround(points: readonly Float32Array[], centers: Float32Array): Segments {
  const inputs = points[0]!.length;
  const spec = { family: 'centroids', inputs, count: centers.length / inputs } as const;
  const labels = points.map((point) => nearestCentroid(spec, centers, point));
  const inertia = points.reduce((sum, point, i) => sum + squaredDistances(spec, centers, point)[labels[i]!]!, 0);
  return { centers, labels, inertia };
}

function settle(points: readonly Float32Array[], start: Float32Array): Segments {
  let now = segmentsAround(points, start);
  for (;;) {
    const next = segmentsAround(points, meansOf(points, now));
    if (!(next.inertia < now.inertia)) return now;
    now = next;
  }
}

/** A segment without points keeps its centre. */
function meansOf(points: readonly Float32Array[], { centers, labels }: Segments): Float32Array {
  const width = points[0]!.length;
  const sums = new Float64Array(centers.length);
  const counts = new Float64Array(centers.length / width);
  points.forEach((point, i) => {
    counts[labels[i]!]! += 1;
    point.forEach((value, at) => {
      sums[labels[i]! * width + at]! += value;
    });
  });
  return centers.map((value, at) => {
    const count = counts[Math.floor(at / width)]!;
    return count > 0 ? sums[at]! / count : value;
  });
}

/** Every further point is drawn with a chance in proportion to its squared distance from those drawn before. */
function spreadStart(points: readonly Float32Array[], segments: number, random: SeededRandom): Float32Array {
  const width = points[0]!.length;
  const centers = [points[random.below(points.length)]!];
  while (centers.length < segments) {
    const spec = { family: 'centroids', inputs: width, count: centers.length } as const;
    const flat = flatten(centers);
    const away = points.map((point) => Math.min(...squaredDistances(spec, flat, point)));
    let left = random.uniform() * away.reduce((sum, distance) => sum + distance, 0);
    const drawn = away.findIndex((distance) => {
      left -= distance;
      return left < 0;
    });
    centers.push(points[Math.max(0, drawn)]!);
  }
  return flatten(centers);
}

function flatten(points: readonly Float32Array[]): Float32Array {
  return Float32Array.from(points.flatMap((point) => [...point]));
}
