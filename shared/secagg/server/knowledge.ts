/** What the coordinator has learned after each turn, and needs for the turns to come. */

import type { Bytes } from '../../bytes.ts';
import type { CommitteeSignature } from '../down-messages.ts';
import type { Deal } from '../up-messages.ts';

/** A deal and the hashes that its signature covers. */
export type Dealt = { readonly deal: Deal; readonly ciphertextsHash: Bytes; readonly shareHashesHash: Bytes };

/** R1a, by place of the dealer. */
export type Deals = ReadonlyMap<number, Dealt>;

/** R1b, by place of who acknowledged: the neighbour indices whose shares it found good. */
export type GoodDealers = ReadonlyMap<number, ReadonlySet<number>>;

/** U1 and what was dealt in it. */
export type Masking = {
  readonly places: ReadonlySet<number>;
  readonly bitmap: Bytes;
  readonly h1: Bytes;
  /** By place in U1: N(i) ∩ U1, ascending. */
  readonly neighbourhoods: ReadonlyMap<number, readonly number[]>;
  /** By place in U1: hashes of the shares that the dealer signed, 64 bytes per neighbour. */
  readonly shareHashes: ReadonlyMap<number, Bytes>;
};

/** U2 and what its members sent at R2. */
export type Survival = {
  readonly places: ReadonlySet<number>;
  /** Σ y over U2. */
  readonly sum: Uint32Array<ArrayBuffer>;
  /** By place: view tags for N(i) ∩ U1, 16 bytes each in ascending place. */
  readonly tags: ReadonlyMap<number, Bytes>;
};

/** R3: U2 as the committee signed it. */
export type Certified = {
  readonly bitmap: Bytes;
  readonly h2: Bytes;
  readonly signatures: readonly CommitteeSignature[];
};

/** Where a place stands in an ascending list that holds it. */
export function indexIn(places: readonly number[], place: number): number {
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (places[middle]! < place) low = middle + 1;
    else high = middle;
  }
  return low;
}
