/**
 * Of each device at most one kind of secret is ever opened in a round: its self-mask, or its mask key. Both together open
 * its vector.
 */

import type { Bytes, DeviceId } from '@chorale/shared';
import { decodeBitmap, revealBytes, signatureBytes } from '@chorale/shared/secagg';
import type { Law } from './law.ts';
import { CohortBook, type RosterPlaces } from './roster.ts';

/** One cohort of one round. */
type Round = {
  readonly roster: RosterPlaces;
  /** U1 */
  maskers?: ReadonlySet<number>;
  /** By the place of the device that the secret is about. */
  readonly kinds: Map<number, number>;
};

const kindNames: Readonly<Record<number, string>> = { 1: 'mask key', 2: 'self-mask' };

export function secretsApart(): Law {
  const cohorts = new CohortBook();
  const rounds = new Map<RosterPlaces, Round>();
  return {
    name: 'secrets apart',
    judge(seen) {
      if (seen.see !== 'pushed' && seen.see !== 'sent') return undefined;
      const { packet, ends } = seen;
      if (packet.body === undefined || !names.has(packet.name)) return undefined;
      cohorts.read(ends, packet);
      if (packet.name === 'roster') return undefined;
      const roster = cohorts.of(ends, packet);
      if (roster === undefined) return 'there is no roster for what is said in a round';
      const round = rounds.get(roster) ?? { roster, kinds: new Map() };
      rounds.set(roster, round);
      return packet.name === 'sharers' ? noteMaskers(round, packet.body) : noteReveals(round, ends.device, packet.body);
    },
  };
}

const names = new Set(['roster', 'sharers', 'unmask']);

function noteMaskers(round: Round, body: Bytes): string | undefined {
  const devices = round.roster.ids.length;
  const maskers = decodeBitmap(body.slice(0, Math.ceil(devices / 8)), devices)!;
  const before = round.maskers ?? maskers;
  round.maskers = before;
  const isSame = before.size === maskers.size && [...maskers].every((place) => before.has(place));
  return isSame ? undefined : 'devices are shown two sets to mask with';
}

function noteReveals({ roster, maskers, kinds }: Round, device: DeviceId, body: Bytes): string | undefined {
  const about = roster.neighboursOf(device)?.filter((place) => maskers?.has(place));
  if (body.length !== (about ?? []).length * revealBytes + signatureBytes)
    return 'secrets of other devices are revealed';
  for (const [i, place] of (about ?? []).entries()) {
    const kind = body[i * revealBytes]!;
    if (!(kind in kindNames)) continue;
    const before = kinds.get(place) ?? kind;
    kinds.set(place, before);
    if (before !== kind) return 'both secrets of one device are revealed';
  }
  return undefined;
}
