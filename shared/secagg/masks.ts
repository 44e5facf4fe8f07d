/**
 * Double masking (Bonawitz et al., CCS 2017, §4; on a sparse graph: Bell et al., CCS 2020): a self-mask that only a
 * survivor's neighbours can open, and pairwise masks that cancel in the sum. The only place that makes a `MaskedVector`.
 */

import type { Bytes } from '../bytes.ts';
import type { CryptoJob, CryptoResult, Stream } from '../crypto/index.ts';
import type { EncodedVector } from '../encoding/encoded-vector.ts';
import { invariant } from '../errors.ts';
import { pairMaskInfo, selfMaskInfo } from './context.ts';

declare const masked: unique symbol;

/** An encoded vector under its masks: words mod 2^32 that look random to whoever lacks the seeds. */
export type MaskedVector = Uint32Array<ArrayBuffer> & { readonly [masked]: true };

export type MaskJob = Extract<CryptoJob, { do: 'mask' }>;

/** A masking neighbour: its place and the public key of its masks. */
export type Masker = { readonly place: number; readonly maskKey: Bytes };

export type MaskRequest = {
  readonly vector: EncodedVector;
  readonly salt: Bytes;
  readonly place: number;
  /** This device's own secrets. */
  readonly maskSecret: Bytes;
  readonly selfMaskSeed: Bytes;
  readonly maskers: readonly Masker[];
};

/**
 * Adds this device's self-mask and one mask per neighbour; of two neighbours the smaller place adds and the larger subtracts.
 *
 * @throws invariant if a neighbour is listed twice: its masks would no longer cancel
 */
export function maskJob({ vector, salt, place, maskSecret, selfMaskSeed, maskers }: MaskRequest): MaskJob {
  invariant(new Set([place, ...maskers.map((peer) => peer.place)]).size === maskers.length + 1, 'a peer listed twice');
  return {
    do: 'mask',
    vector,
    salt,
    seeds: [{ secret: selfMaskSeed, info: selfMaskInfo(place), sign: 1 }],
    agreements: [
      {
        secretKey: maskSecret,
        peers: maskers.map((peer) => ({ publicKey: peer.maskKey, ...pairStream(place, peer.place) })),
      },
    ],
  };
}

/** What a `maskJob` gave. */
export function maskedVector(result: Extract<CryptoResult, { did: 'mask' }>): MaskedVector {
  return result.vector as MaskedVector;
}

export type UnmaskRequest = {
  /** Σ y over the survivors. */
  readonly sum: Uint32Array<ArrayBuffer>;
  readonly salt: Bytes;
  /** The opened self-masks: one per survivor. */
  readonly selfMasks: readonly { readonly place: number; readonly seed: Bytes }[];
  /** The opened mask keys: one per dropout, with the survivors that masked with it. */
  readonly dropouts: readonly {
    readonly place: number;
    readonly maskSecret: Bytes;
    readonly maskers: readonly Masker[];
  }[];
};

/** Takes every remaining mask off the sum: the inverse of what the survivors added. */
export function unmaskJob({ sum, salt, selfMasks, dropouts }: UnmaskRequest): MaskJob {
  return {
    do: 'mask',
    vector: sum,
    salt,
    seeds: selfMasks.map(({ place, seed }) => ({ secret: seed, info: selfMaskInfo(place), sign: -1 })),
    agreements: dropouts.map(({ place, maskSecret, maskers }) => ({
      secretKey: maskSecret,
      // As if the dropout had been there: its own masks are the negatives of its neighbours'.
      peers: maskers.map((peer) => ({ publicKey: peer.maskKey, ...pairStream(place, peer.place) })),
    })),
  };
}

function pairStream(own: number, peer: number): Stream {
  return { info: pairMaskInfo(own, peer), sign: own < peer ? 1 : -1 };
}
