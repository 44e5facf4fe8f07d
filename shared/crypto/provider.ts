/** The ciphers, as batched jobs: machines order them, providers perform them (in place, in WebCrypto, in workers). */

import type { Bytes } from '../bytes.ts';

/** A keystream to add to or subtract from a vector; seed = HKDF(secret, salt, info, 28 B) = AES key ‖ nonce. */
export type Stream = { readonly info: Bytes; readonly sign: 1 | -1 };

export type CryptoJob =
  /** X25519 and Ed25519 public keys of 32-byte secrets (Ed25519: the RFC 8032 seed). */
  | { readonly do: 'publicKeys'; readonly agreement: readonly Bytes[]; readonly signing: readonly Bytes[] }
  /** X25519 of one secret with many public keys; an unacceptable key gives undefined in its place. */
  | { readonly do: 'agreeMany'; readonly secretKey: Bytes; readonly publicKeys: readonly Bytes[] }
  | { readonly do: 'signMany'; readonly secretKey: Bytes; readonly messages: readonly Bytes[] }
  | { readonly do: 'verifyMany'; readonly signatures: readonly SignedText[] }
  /** secretbox with a zero nonce: every key seals exactly once. */
  | { readonly do: 'sealMany'; readonly boxes: readonly { readonly key: Bytes; readonly plain: Bytes }[] }
  /** A box that does not open gives undefined in its place. */
  | { readonly do: 'openMany'; readonly boxes: readonly { readonly key: Bytes; readonly sealed: Bytes }[] }
  | { readonly do: 'hashMany'; readonly texts: readonly Bytes[] }
  /** Shamir over GF(2^16): 32-byte secrets; `randomness` is a 32-byte seed for the coefficients. */
  | {
      readonly do: 'split';
      readonly secrets: readonly Bytes[];
      readonly threshold: number;
      /** The holders' x coordinates, 1..65535, distinct. */
      readonly points: readonly number[];
      readonly randomness: Bytes;
    }
  /** Interpolates at zero and checks that *all* shares lie on one polynomial of degree < threshold. */
  | { readonly do: 'reconstruct'; readonly secrets: readonly SharedSecret[] }
  /**
   * Adds streams to a vector, mod 2^32. Serves masking on the device and unmasking on the coordinator: seeds are
   * self-masks, agreements are pairwise masks (secret = X25519 of `secretKey` with each peer's key).
   */
  | {
      readonly do: 'mask';
      readonly vector: Uint32Array<ArrayBuffer>;
      readonly salt: Bytes;
      readonly seeds: readonly ({ readonly secret: Bytes } & Stream)[];
      readonly agreements: readonly {
        readonly secretKey: Bytes;
        readonly peers: readonly ({ readonly publicKey: Bytes } & Stream)[];
      }[];
    };

export type SignedText = { readonly publicKey: Bytes; readonly message: Bytes; readonly signature: Bytes };

export type SharedSecret = {
  readonly threshold: number;
  readonly shares: readonly { readonly point: number; readonly share: Bytes }[];
};

export type CryptoResult =
  | { readonly did: 'publicKeys'; readonly agreement: readonly Bytes[]; readonly signing: readonly Bytes[] }
  | { readonly did: 'agreeMany'; readonly secrets: readonly (Bytes | undefined)[] }
  | { readonly did: 'signMany'; readonly signatures: readonly Bytes[] }
  | { readonly did: 'verifyMany'; readonly valid: readonly boolean[] }
  | { readonly did: 'sealMany'; readonly sealed: readonly Bytes[] }
  | { readonly did: 'openMany'; readonly opened: readonly (Bytes | undefined)[] }
  | { readonly did: 'hashMany'; readonly hashes: readonly Bytes[] }
  /** `shares[i][j]`: the share of secret i at point j. */
  | { readonly did: 'split'; readonly shares: readonly (readonly Bytes[])[] }
  /** undefined where there are fewer than `threshold` shares or they do not lie on one polynomial. */
  | { readonly did: 'reconstruct'; readonly secrets: readonly (Bytes | undefined)[] }
  | { readonly did: 'mask'; readonly vector: Uint32Array<ArrayBuffer> }
  /** A job that cannot be done, such as a pairwise mask with an unacceptable key. The round must not go on. */
  | { readonly did: 'fail'; readonly reason: string };

/** The result that answers a job. */
export type ResultOf<Job extends CryptoJob> = Extract<CryptoResult, { did: Job['do'] }>;

export interface CryptoProvider {
  readonly name: string;
  perform(job: CryptoJob): Promise<CryptoResult>;
  close?(): Promise<void>;
}
