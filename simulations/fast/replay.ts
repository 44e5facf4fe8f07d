/** Who is in which cohort of a simulated round, and what all their draws come from. */

import type { Bytes } from '@chorale/shared';
import { seededRandom } from '@chorale/shared/testing';

/** Who was in each sum, and what all their draws came from. Rounds count from 0. */
export type Replay = {
  readonly cohorts: (round: number) => readonly (readonly number[])[];
  /** 32 bytes. */
  readonly roundSeed: (round: number, device: number) => Bytes;
};

export type Seed = string | number;

/** Who is in which cohort is a uniform draw, as the order of hashes is by which real devices are assigned. */
export function drawnCohorts(
  seed: Seed,
  size: { readonly devices: number; readonly cohort: number; readonly cohortCount: number },
): Replay['cohorts'] {
  const random = seededRandom(seed);
  const everybody = Array.from({ length: size.devices }, (_, device) => device);
  return (round) => {
    const drawn = random.fork(`cohort ${round}`).shuffle(everybody);
    return Array.from({ length: size.cohortCount }, (_, i) => drawn.slice(i * size.cohort, (i + 1) * size.cohort));
  };
}

export function drawnSeeds(seed: Seed): Replay['roundSeed'] {
  const random = seededRandom(seed);
  return (round, device) => random.forkBytes(`round ${round}, device ${device}`, 32);
}
