/** Who is invited: a random choice, made so that nobody can enrol a crowd today and have it chosen today. */

import type { DeviceId, Random } from '@chorale/shared';

export type Candidate = {
  readonly device: DeviceId;
  /** Day of enrolment, in whole days since 1970-01-01 UTC. */
  readonly credentialDay: number;
};

export type Selection = { readonly count: number; readonly today: number; readonly random: Random };

/**
 * Chooses up to `count` devices uniformly among those enrolled before yesterday's end, and only then among newer ones.
 * A credential names a day, not an hour: one from yesterday may be minutes old, so it counts as new.
 */
export function selectDevices(candidates: readonly Candidate[], { count, today, random }: Selection): DeviceId[] {
  const isSeasoned = ({ credentialDay }: Candidate) => credentialDay < today - 1;
  const seasoned = shuffle(candidates.filter(isSeasoned), random);
  const recent = shuffle(
    candidates.filter((candidate) => !isSeasoned(candidate)),
    random,
  );
  return [...seasoned, ...recent].slice(0, count).map(({ device }) => device);
}

/** Devices invited for so many places: some will not answer. */
export function invitationCount(places: number, inviteFactor: number): number {
  // Rounding first keeps 1.3 × 100 from becoming 131 invitations.
  return Math.ceil(Math.round(places * inviteFactor * 1000) / 1000);
}

function shuffle<Item>(items: readonly Item[], random: Random): Item[] {
  const shuffled = [...items];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = below(i + 1, random);
    [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
  }
  return shuffled;
}

/** A whole number in 0..n−1, each equally likely: draws beyond the last full multiple of n are drawn again. */
function below(n: number, random: Random): number {
  const fair = 2 ** 32 - (2 ** 32 % n);
  for (;;) {
    const draw = new DataView(random.bytes(4).buffer).getUint32(0);
    if (draw < fair) return draw % n;
  }
}
