import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, bytes, hex, u32, utf8 } from '../bytes.ts';
import { committeePlaces, neighbourPlaces, ringOrder } from './graph.ts';

const ctx = bytes(32).fill(7);
const ids = rosterOf(50);

/** Ascending ids that look like hashes. */
function rosterOf(devices: number): Bytes[] {
  return Array.from({ length: devices }, (_, i) => nodeHash(u32(i)).subarray(0, 16).slice()).sort(Buffer.compare);
}

function nodeHash(...parts: Uint8Array[]): Bytes {
  return new Uint8Array(createHash('sha256').update(Buffer.concat(parts)).digest());
}

function idsInOrder(label: string, context = ctx): string[] {
  const seed = nodeHash(utf8('chorale/secagg/ring/v1\0'), context);
  return [...ids]
    .sort((a, b) => Buffer.compare(nodeHash(seed, utf8(label), a), nodeHash(seed, utf8(label), b)))
    .map(hex);
}

describe('the ring', () => {
  it('is the order of H(seed ‖ "ring" ‖ id)', () => {
    expect(ringOrder(ids, ctx).places.map((index) => hex(ids[index]!))).toEqual(idsInOrder('ring'));
  });

  it('gives every device one place, and finds it again', () => {
    const { places, placeOf } = ringOrder(ids, ctx);
    expect([...places].sort((a, b) => a - b)).toEqual(ids.map((_, index) => index));
    expect(placeOf.map((place) => places[place])).toEqual(ids.map((_, index) => index));
  });

  it('is another one under another context', () => {
    const other = bytes(32).fill(8);
    expect(ringOrder(ids, other).places).not.toEqual(ringOrder(ids, ctx).places);
    expect(ringOrder(ids, other).places.map((index) => hex(ids[index]!))).toEqual(idsInOrder('ring', other));
  });

  it('keeps the order of the roster among equal ids', () => {
    const twice = [ids[0]!, ids[0]!, ids[1]!];
    const { places } = ringOrder(twice, ctx);
    expect(places.indexOf(0)).toBeLessThan(places.indexOf(1));
  });
});

describe('neighbours', () => {
  const graphs = fc.integer({ min: 3, max: 80 }).chain((devices) =>
    fc.record({
      devices: fc.constant(devices),
      neighbours: fc.oneof(
        fc.constant(devices - 1),
        fc.integer({ min: 1, max: Math.floor((devices - 1) / 2) }).map((reach) => 2 * reach),
      ),
    }),
  );

  it('are k different places in ascending order, never the place itself', () => {
    fc.assert(
      fc.property(graphs, ({ devices, neighbours }) => {
        for (let place = 0; place < devices; place++) {
          const around = neighbourPlaces(place, devices, neighbours);
          expect(new Set(around).size).toBe(neighbours);
          expect(around).toEqual([...around].sort((a, b) => a - b));
          expect(around).not.toContain(place);
          expect(around.every((other) => other >= 0 && other < devices)).toBe(true);
        }
      }),
    );
  });

  it('are exactly the places at ring distance k/2 or less', () => {
    fc.assert(
      fc.property(graphs, fc.nat(), ({ devices, neighbours }, seed) => {
        const place = seed % devices;
        const near = Array.from({ length: devices }, (_, other) => other).filter((other) => {
          const ahead = (other - place + devices) % devices;
          return other !== place && Math.min(ahead, devices - ahead) <= neighbours / 2;
        });
        // An odd k = n − 1 has no half: everyone is near.
        const everyone = Array.from({ length: devices }, (_, other) => other).filter((other) => other !== place);
        expect(neighbourPlaces(place, devices, neighbours)).toEqual(neighbours === devices - 1 ? everyone : near);
      }),
    );
  });

  it('are neighbours of each other', () => {
    fc.assert(
      fc.property(graphs, ({ devices, neighbours }) => {
        const around = Array.from({ length: devices }, (_, place) => neighbourPlaces(place, devices, neighbours));
        around.forEach((others, place) => {
          expect(others.every((other) => around[other]!.includes(place))).toBe(true);
        });
      }),
    );
  });

  it('wrap around the ring', () => {
    expect(neighbourPlaces(0, 10, 4)).toEqual([1, 2, 8, 9]);
    expect(neighbourPlaces(9, 10, 4)).toEqual([0, 1, 7, 8]);
    expect(neighbourPlaces(1, 4, 3)).toEqual([0, 2, 3]);
    expect(neighbourPlaces(2, 3, 2)).toEqual([0, 1]);
  });

  it('cannot be an odd number on a ring', () => {
    expect(() => neighbourPlaces(0, 10, 5)).toThrow('invariant');
  });
});

describe('the committee', () => {
  const ring = ringOrder(ids, ctx);

  it('is the first m in the order of H(seed ‖ "committee" ‖ id), by place', () => {
    const members = committeePlaces(ids, ring, ctx, 12);
    expect(members).toEqual([...members].sort((a, b) => a - b));
    const named = new Set(members.map((place) => hex(ids[ring.places[place]!]!)));
    expect(named).toEqual(new Set(idsInOrder('committee').slice(0, 12)));
  });

  it('grows by adding members, up to everyone', () => {
    const small = committeePlaces(ids, ring, ctx, 5);
    expect(committeePlaces(ids, ring, ctx, 20)).toEqual(expect.arrayContaining([...small]));
    expect(committeePlaces(ids, ring, ctx, 50)).toEqual(Array.from({ length: 50 }, (_, place) => place));
  });
});
