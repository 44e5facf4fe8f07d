/**
 * Who masks with whom: a ring in an order that nobody chooses, each device joined to its k nearest places (Harary
 * graph; Bell, Bonawitz, Gascón, Lepoint, Raykova, CCS 2020), and the committee that certifies survivors.
 */

import { type Bytes, compare, tag, utf8 } from '../bytes.ts';
import { sha256 } from '../crypto/hashing.ts';
import { invariant } from '../errors.ts';

/** Two inverse lists: a *place* is an index in ring order, a roster index one in the order of ids. */
export type Ring = {
  /** Roster index at each place. */
  readonly places: readonly number[];
  /** Place of each roster index. */
  readonly placeOf: readonly number[];
};

/** @param ids of the roster, 16 bytes each, ascending */
export function ringOrder(ids: readonly Bytes[], ctx: Bytes): Ring {
  const places = hashOrder(ids, ctx, 'ring');
  const placeOf = new Array<number>(ids.length);
  places.forEach((index, place) => {
    placeOf[index] = place;
  });
  return { places, placeOf };
}

/**
 * The places that a place is joined to, ascending: k/2 on each side, or everyone else in a complete graph.
 *
 * @throws invariant if k is odd in a graph that is not complete
 */
export function neighbourPlaces(place: number, devices: number, neighbours: number): readonly number[] {
  if (neighbours === devices - 1) return Array.from({ length: neighbours }, (_, i) => (i < place ? i : i + 1));
  invariant(neighbours % 2 === 0 && neighbours < devices, 'a ring joins an even number of neighbours');
  const first = place - neighbours / 2;
  const around = Array.from({ length: neighbours + 1 }, (_, i) => (first + i + devices) % devices);
  const zero = around.indexOf(0);
  const ascending = zero < 0 ? around : [...around.slice(zero), ...around.slice(0, zero)];
  return ascending.filter((other) => other !== place);
}

/** Ring places of the `committee` devices that sign the survivor set, ascending. */
export function committeePlaces(ids: readonly Bytes[], ring: Ring, ctx: Bytes, committee: number): readonly number[] {
  return hashOrder(ids, ctx, 'committee')
    .slice(0, committee)
    .map((index) => ring.placeOf[index]!)
    .sort((a, b) => a - b);
}

/** Roster indices in the order of H(seed ‖ label ‖ id); ties, which nobody will ever see, by id. */
function hashOrder(ids: readonly Bytes[], ctx: Bytes, label: 'ring' | 'committee'): number[] {
  const seed = sha256(tag('chorale/secagg/ring/v1'), ctx);
  const keys = ids.map((id) => sha256(seed, utf8(label), id));
  return ids.map((_, index) => index).sort((a, b) => compare(keys[a]!, keys[b]!) || compare(ids[a]!, ids[b]!));
}
