import { seededRandom } from '@chorale/shared/testing';
import { expect, it } from 'vitest';
import { lloyd, segmentsAround } from './lloyd.ts';

it('Lloyd finds planted segments, and no centre can be moved a little for the better', () => {
  for (const seed of [1, 2, 3]) {
    const random = seededRandom(seed);
    const truth = Array.from({ length: 300 }, () => random.below(3));
    const points = truth.map((segment) =>
      Float32Array.of(10 * segment + random.normal(), 5 * (segment % 2) + random.normal()),
    );
    const { centers, labels, inertia } = lloyd(points, { segments: 3, starts: 5, random });
    const names = [0, 1, 2].map((segment) => labels[truth.indexOf(segment)]);
    expect(labels, `seed ${seed}`).toEqual(truth.map((segment) => names[segment]));
    for (let i = 0; i < centers.length; i++) {
      const moved = centers.map((value, at) => (at === i ? value + 0.1 : value));
      expect(segmentsAround(points, moved).inertia, `seed ${seed}`).toBeGreaterThan(inertia);
    }
  }
});
