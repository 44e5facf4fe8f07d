import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hkdfMany } from '../crypto/hashing.ts';
import { nodeHkdfMany } from './node-hkdf.ts';

const text = (maxLength: number) => fc.uint8Array({ maxLength });

it('HKDF on Node’s own hash gives the bytes of the portable one, for keys and texts around the block size', () => {
  fc.assert(
    fc.property(
      ...([text(130), text(130), fc.array(text(200), { maxLength: 3 }), fc.integer({ min: 0, max: 100 })] as const),
      (secret, salt, infos, length) => {
        expect(nodeHkdfMany(secret, salt, infos, length)).toEqual(hkdfMany(secret, salt, infos, length));
      },
    ),
  );
});

it('refuses lengths that the counter cannot reach', () => {
  const nothing = new Uint8Array(0);
  expect(nodeHkdfMany(nothing, nothing, [nothing], 255 * 32)).toEqual(hkdfMany(nothing, nothing, [nothing], 255 * 32));
  for (const length of [255 * 32 + 1, -1, 0.5])
    expect(() => nodeHkdfMany(nothing, nothing, [nothing], length)).toThrow(RangeError);
});
