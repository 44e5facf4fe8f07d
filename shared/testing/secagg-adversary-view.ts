/**
 * What an adversary can compute from all that it saw: the secrets that enough shares open, the masks that those take off,
 * and so every sum of honest vectors that comes bare. Ciphers and keystreams count as perfect; everything else is done,
 * not estimated: a claimed sum is really unmasked, so that a test can compare it with the truth.
 */

import { type Bytes, equal, hex } from '../bytes.ts';
import type { CryptoProvider, SharedSecret } from '../crypto/index.ts';
import { type DeviceId, deviceIdFromBytes } from '../ids.ts';
import type { Secrets } from '../secagg/client/state.ts';
import {
  boxKey,
  commitment,
  maskersHash,
  maskSalt,
  pairMaskInfo,
  type SaltedShare,
  type ShareKind,
  selfMaskInfo,
  shareHash,
  shareKinds,
} from '../secagg/context.ts';
import { sealedBytes, type UpMessage } from '../secagg/messages.ts';
import { memberAt, neighboursOf } from '../secagg/roster.ts';
import { encodeBitmap } from '../secagg/survivors.ts';
import {
  type Deal,
  dealtHash,
  decodeDeal,
  decodeMaskedInput,
  decodeSharePair,
  decodeUnmasking,
  revealAt,
  shareOf,
} from '../secagg/up-messages.ts';
import { addModulo, bytesToWords } from '../vectors.ts';
import type { SeenCohort } from './secagg-adversary.ts';
import { perform } from './secagg-lab.ts';

/** What a device of the adversary's keeps for itself in a round. */
export type CorruptSecrets = Pick<Secrets, 'channel' | 'mask' | 'selfMask'>;

/** A message on its way up, with the cohort that its sender believes in and the U1 that it was shown. */
export type Overheard = {
  readonly seen: SeenCohort;
  readonly place: number;
  readonly maskers: ReadonlySet<number>;
  readonly message: UpMessage;
};

/** A sum of honest vectors that the adversary holds without any mask. */
export type BareSum = { readonly devices: readonly DeviceId[]; readonly sum: Uint32Array<ArrayBuffer> };

export type Knowledge = {
  /** By device: which of its secrets are open. */
  readonly secretsOf: (device: DeviceId) => { readonly selfMask: boolean; readonly maskKey: boolean };
  /** The smallest sets of honest devices whose sum is bare: whatever else is bare is made of these. */
  readonly sums: readonly BareSum[];
  /** Devices that masked two vectors with the same masks: their difference is bare. */
  readonly reused: readonly DeviceId[];
};

type Share = { readonly seen: SeenCohort; readonly dealer: number; readonly holder: number; readonly kind: ShareKind };
type MaskedVector = {
  readonly seen: SeenCohort;
  readonly place: number;
  readonly device: DeviceId;
  readonly maskers: readonly number[];
  readonly salt: Bytes;
  readonly vector: Uint32Array<ArrayBuffer>;
};

export class AdversaryView {
  readonly #provider: CryptoProvider;
  readonly #dimension: number;
  readonly #corrupt: CorruptSecrets[] = [];
  readonly #deals: { readonly seen: SeenCohort; readonly dealer: number; readonly deal: Deal }[] = [];
  readonly #revealed: (Share & SaltedShare)[] = [];
  readonly #vectors: MaskedVector[] = [];

  constructor(provider: CryptoProvider, dimension: number) {
    this.#provider = provider;
    this.#dimension = dimension;
  }

  corrupt(secrets: CorruptSecrets): void {
    this.#corrupt.push(secrets);
  }

  hear({ seen, place, maskers, message: { name, body } }: Overheard): void {
    const masking = neighboursOf(seen.cohort, place).filter((other) => maskers.has(other));
    if (name === 'deal') this.#deals.push({ seen, dealer: place, deal: decodeDeal(body, seen.header.neighbours) });
    if (name === 'unmask') {
      const unmasking = decodeUnmasking(body, masking.length);
      masking.forEach((dealer, index) => {
        const reveal = revealAt(unmasking, index);
        if (!('share' in reveal)) return;
        const kind = reveal.about === 'mask-key' ? shareKinds.maskKey : shareKinds.selfMask;
        const { share, salt } = reveal;
        this.#revealed.push({ seen, dealer, holder: place, kind, share, salt });
      });
    }
    if (name === 'masked-input') {
      const { ctx, members } = seen.cohort;
      this.#vectors.push({
        ...{ seen, place, maskers: masking },
        device: deviceIdFromBytes(members[place]!.leaf.deviceId),
        salt: maskSalt(ctx, maskersHash(ctx, encodeBitmap(maskers, members.length))),
        vector: bytesToWords(decodeMaskedInput(body, this.#dimension, masking.length).vector),
      });
    }
  }

  async knowledge(): Promise<Knowledge> {
    const secrets = await this.#openSecrets();
    const honest = this.#vectors.filter(({ seen, place }) => !this.#isCorrupt(seen, place));
    const sums = bareSets(honest, secrets).map(async (set): Promise<BareSum> => {
      const sum = new Uint32Array(this.#dimension);
      for (const input of set) addModulo(sum, await this.#unmask(input, secrets));
      return { devices: set.map(({ device }) => device).sort(), sum };
    });
    const leaves = new Map(
      this.#deals.flatMap(({ seen }) =>
        seen.cohort.members.map(({ leaf }) => [deviceIdFromBytes(leaf.deviceId), leaf] as const),
      ),
    );
    const isOpen = (advertised: Bytes | undefined) => advertised !== undefined && secrets.has(hex(advertised));
    return {
      // Where nobody has dealt there are no shares, so nothing of anybody's can be open.
      secretsOf: (device) => ({
        selfMask: isOpen(leaves.get(device)?.commitment),
        maskKey: isOpen(leaves.get(device)?.maskKey),
      }),
      sums: await Promise.all(sums),
      reused: reusedMasks(honest),
    };
  }

  #isCorrupt({ cohort }: SeenCohort, place: number): boolean {
    const advertised = memberAt(cohort, place).commitment;
    return this.#corrupt.some(({ selfMask }) => equal(commitment(selfMask), advertised));
  }

  /** Every b under its commitment and every mask key under its public key, wherever its shares were opened. */
  async #openSecrets(): Promise<ReadonlyMap<string, Bytes>> {
    const pools = new Map<string, { readonly threshold: number; readonly points: Map<number, Bytes> }>();
    for (const { seen, dealer, holder, kind, share } of [...(await this.#ownShares()), ...this.#revealed]) {
      const name = `${hex(seen.cohort.ctx)} ${dealer} ${kind}`;
      const pool = pools.get(name) ?? { threshold: seen.header.threshold, points: new Map() };
      pools.set(name, { ...pool, points: pool.points.set(holder + 1, share) });
    }
    const shared = [...pools.values()].map(
      ({ threshold, points }): SharedSecret => ({
        threshold,
        shares: [...points].map(([point, share]) => ({ point, share })),
      }),
    );
    const opened = (await perform(this.#provider, { do: 'reconstruct', secrets: shared })).secrets;
    const known = [
      ...opened.filter((secret) => secret !== undefined),
      ...this.#corrupt.flatMap(({ mask, selfMask }) => [mask, selfMask]),
    ];
    const keys = await perform(this.#provider, { do: 'publicKeys', agreement: known, signing: [] });
    return new Map(
      known.flatMap((secret, i) => [
        [hex(commitment(secret)), secret],
        [hex(keys.agreement[i]!), secret],
      ]),
    );
  }

  /** What honest devices dealt to the adversary's own, whether or not it let them have it. */
  async #ownShares(): Promise<readonly (Share & SaltedShare)[]> {
    const found: (Share & SaltedShare)[] = [];
    for (const { seen, dealer, deal } of this.#deals) {
      for (const { channel, selfMask } of this.#corrupt) {
        const neighbours = neighboursOf(seen.cohort, dealer);
        const index = neighbours.findIndex((place) =>
          equal(memberAt(seen.cohort, place).commitment, commitment(selfMask)),
        );
        if (index < 0) continue;
        const holder = neighbours[index]!;
        const publicKeys = [memberAt(seen.cohort, dealer).channelKey];
        const agreed = await perform(this.#provider, { do: 'agreeMany', secretKey: channel, publicKeys });
        const key = boxKey(agreed.secrets[0]!, seen.cohort.ctx, { from: dealer, to: holder });
        const boxes = [{ key, sealed: deal.ciphertexts.slice(sealedBytes * index, sealedBytes * (index + 1)) }];
        const plain = (await perform(this.#provider, { do: 'openMany', boxes })).opened[0];
        const pair = plain && decodeSharePair(plain);
        if (!pair) continue;
        for (const kind of Object.values(shareKinds)) {
          const subject = { dealer, holder, kind };
          const share = shareOf(pair, kind);
          const isSigned = equal(shareHash(seen.cohort.ctx, subject, share), dealtHash(deal, index, kind));
          if (isSigned) found.push({ seen, ...subject, ...share });
        }
      }
    }
    return found;
  }

  /** A vector without its self-mask and without every pairwise mask that one of the two mask keys makes. */
  async #unmask(input: MaskedVector, secrets: ReadonlyMap<string, Bytes>): Promise<Uint32Array<ArrayBuffer>> {
    const { seen, place, maskers, salt, vector } = input;
    const own = memberAt(seen.cohort, place);
    const agreements = maskers.flatMap((peer) => {
      const other = memberAt(seen.cohort, peer);
      const stream = { info: pairMaskInfo(place, peer), sign: place < peer ? -1 : 1 } as const;
      const [ownSecret, otherSecret] = [own, other].map(({ maskKey }) => secrets.get(hex(maskKey)));
      if (ownSecret) return [{ secretKey: ownSecret, peers: [{ publicKey: other.maskKey, ...stream }] }];
      if (otherSecret) return [{ secretKey: otherSecret, peers: [{ publicKey: own.maskKey, ...stream }] }];
      return [];
    });
    const secret = secrets.get(hex(own.commitment))!;
    const seeds = [{ secret, info: selfMaskInfo(place), sign: -1 as const }];
    return (await perform(this.#provider, { do: 'mask', vector, salt, seeds, agreements })).vector;
  }
}

/**
 * Masks that the adversary cannot make are independent and uniform, so a combination of vectors is bare exactly where
 * each of them cancels. A pairwise mask stands in at most two vectors, with opposite signs: both take part or neither.
 * So the bare combinations are spanned by the sums over connected parts that no unknown mask leads out of.
 */
function bareSets(inputs: readonly MaskedVector[], secrets: ReadonlyMap<string, Bytes>): readonly MaskedVector[][] {
  const wearers = new Map<string, MaskedVector[]>();
  for (const input of inputs) {
    for (const mask of unknownMasks(input, secrets)) wearers.set(mask, [...(wearers.get(mask) ?? []), input]);
  }
  const left = new Set(inputs);
  const sets: MaskedVector[][] = [];
  for (const start of inputs) {
    if (!left.delete(start)) continue;
    const part = [start];
    let isBare = true;
    for (const input of part) {
      for (const mask of unknownMasks(input, secrets)) {
        const others = wearers.get(mask)!.filter((other) => other !== input);
        if (others.length === 0) isBare = false;
        for (const other of others) if (left.delete(other)) part.push(other);
      }
    }
    if (isBare) sets.push(part);
  }
  return sets;
}

function unknownMasks(
  { seen, place, maskers, salt }: MaskedVector,
  secrets: ReadonlyMap<string, Bytes>,
): readonly string[] {
  const leafOf = (other: number) => memberAt(seen.cohort, other);
  const isOpen = (other: number) => secrets.has(hex(leafOf(other).maskKey));
  const own = secrets.has(hex(leafOf(place).commitment)) ? [] : [`${hex(salt)} ${place}`];
  if (isOpen(place)) return own;
  const pairs = maskers.filter((peer) => !isOpen(peer));
  return [...own, ...pairs.map((peer) => `${hex(salt)} ${Math.min(place, peer)} ${Math.max(place, peer)}`)];
}

function reusedMasks(inputs: readonly MaskedVector[]): readonly DeviceId[] {
  const first = new Map<string, MaskedVector>();
  const reused = inputs.filter((input) => {
    const name = `${hex(input.salt)} ${input.device}`;
    const before = first.get(name);
    first.set(name, before ?? input);
    return before?.vector.some((word, i) => word !== input.vector[i]);
  });
  return reused.map(({ device }) => device);
}
