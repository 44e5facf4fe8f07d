import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../adapters/node-crypto.ts';
import { type Bytes, bytes } from '../bytes.ts';
import type { EncodedVector } from '../encoding/encoded-vector.ts';
import { perform } from '../testing/secagg-lab.ts';
import { addModulo } from '../vectors.ts';
import { type MaskedVector, maskedVector, maskJob, unmaskJob } from './masks.ts';
import { encodeMaskedVector } from './up-messages.ts';

const provider = nodeCrypto();
const salt = bytes(32).fill(9);
const secretOf = (place: number) => bytes(32).fill(10 + place);
const seedOf = (place: number) => bytes(32).fill(100 + place);
const vectorOf = (place: number) => Uint32Array.of(place, 1000 * place, 2 ** 32 - 1 - place) as EncodedVector;

async function maskAll(places: readonly number[]): Promise<Map<number, MaskedVector>> {
  const keys = await publicKeys(places);
  const masked = new Map<number, MaskedVector>();
  for (const place of places) {
    const maskers = places
      .filter((other) => other !== place)
      .map((other) => ({ place: other, maskKey: keys.get(other)! }));
    const job = maskJob({
      vector: vectorOf(place),
      salt,
      place,
      maskSecret: secretOf(place),
      selfMaskSeed: seedOf(place),
      maskers,
    });
    masked.set(place, maskedVector(await perform(provider, job)));
  }
  return masked;
}

async function publicKeys(places: readonly number[]): Promise<ReadonlyMap<number, Bytes>> {
  const { agreement } = await perform(provider, { do: 'publicKeys', agreement: places.map(secretOf), signing: [] });
  return new Map(places.map((place, i) => [place, agreement[i]!]));
}

function total(vectors: Iterable<Uint32Array>): Uint32Array<ArrayBuffer> {
  const sum = new Uint32Array(3);
  for (const vector of vectors) addModulo(sum, vector);
  return sum;
}

describe('masks', () => {
  const places = [0, 1, 2, 3];

  it('cancel in the sum of all but for the self-masks', async () => {
    const masked = await maskAll(places);
    const selfMasks = places.map((place) => ({ place, seed: seedOf(place) }));
    const job = unmaskJob({ sum: total(masked.values()), salt, selfMasks, dropouts: [] });
    expect((await perform(provider, job)).vector).toEqual(total(places.map(vectorOf)));
  });

  it.each(places)('of a dropout at place %i come off with its mask key', async (gone) => {
    const masked = await maskAll(places);
    const keys = await publicKeys(places);
    const survivors = places.filter((place) => place !== gone);
    const job = unmaskJob({
      sum: total(survivors.map((place) => masked.get(place)!)),
      salt,
      selfMasks: survivors.map((place) => ({ place, seed: seedOf(place) })),
      dropouts: [
        {
          place: gone,
          maskSecret: secretOf(gone),
          maskers: survivors.map((place) => ({ place, maskKey: keys.get(place)! })),
        },
      ],
    });
    expect((await perform(provider, job)).vector).toEqual(total(survivors.map(vectorOf)));
  });

  it('are refused when a peer is listed twice', () => {
    const twice = [1, 1].map((place) => ({ place, maskKey: bytes(32) }));
    const request = { vector: vectorOf(0), salt, place: 0, maskSecret: secretOf(0), selfMaskSeed: seedOf(0) };
    expect(() => maskJob({ ...request, maskers: twice })).toThrow(/twice/);
    expect(() => maskJob({ ...request, maskers: [{ place: 0, maskKey: bytes(32) }] })).toThrow(/twice/);
  });

  it('are what makes a vector fit to be sent', () => {
    // @ts-expect-error an encoded vector is this device's data
    encodeMaskedVector(vectorOf(1));
    // @ts-expect-error nor are plain words masked
    encodeMaskedVector(new Uint32Array(3));
  });
});
