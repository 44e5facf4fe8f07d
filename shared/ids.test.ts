import { describe, expect, it } from 'vitest';
import { bytes, hex } from './bytes.ts';
import {
  deviceIdFromBytes,
  deviceIdToBytes,
  type IdKind,
  idFromBytes,
  idPrefixes,
  idToBytes,
  isDeviceId,
  isId,
  newId,
} from './ids.ts';
import { seededRandom } from './testing/seeded-random.ts';

const random = seededRandom('ids');
const kinds = Object.keys(idPrefixes) as IdKind[];

describe('an id', () => {
  it('is its prefix and 26 digits of base32 without I, L, O and U', () => {
    for (const kind of kinds) {
      const id = newId(kind, Date.UTC(2024, 5, 1), random);
      expect(id).toMatch(new RegExp(`^${idPrefixes[kind]}[0-7][0-9ABCDEFGHJKMNPQRSTVWXYZ]{25}$`));
      expect(isId(kind, id)).toBe(true);
    }
  });

  it('is the UUIDv7 of its time: 48 bits of ms, version 7, variant 10', () => {
    const now = 0x0190_1234_5678;
    for (let i = 0; i < 100; i++) {
      const uuid = idToBytes(newId('task', now, random));
      expect(hex(uuid.subarray(0, 6))).toBe('019012345678');
      expect(uuid[6]! >> 4).toBe(7);
      expect(uuid[8]! >> 6).toBe(0b10);
    }
  });

  it('holds the known digits of known bytes', () => {
    expect(idFromBytes('task', bytes(16))).toBe('tsk_00000000000000000000000000');
    expect(idFromBytes('task', bytes(16).fill(255))).toBe('tsk_7ZZZZZZZZZZZZZZZZZZZZZZZZZ');
    const one = bytes(16);
    one[15] = 33;
    expect(idFromBytes('model', one)).toBe('mdl_00000000000000000000000011');
  });

  it('comes back from its bytes', () => {
    for (let i = 0; i < 100; i++) {
      const value = random.bytes(16);
      expect(idToBytes(idFromBytes('round', value))).toEqual(value);
    }
    expect(() => idFromBytes('round', bytes(15))).toThrow(RangeError);
  });

  it('sorts by time, as text', () => {
    const instants = [
      0,
      1,
      999,
      2 ** 31,
      2 ** 32 - 1,
      2 ** 32,
      Date.UTC(2024, 0, 1),
      Date.UTC(2024, 0, 1) + 1,
      2 ** 47,
    ];
    const ids = instants.map((now) => newId('receipt', now, random));
    expect([...ids].sort()).toEqual(ids);
  });

  it('never comes twice in one millisecond', () => {
    expect(new Set(Array.from({ length: 5000 }, () => newId('key', 1, random))).size).toBe(5000);
  });

  it('is refused with another prefix, other digits or another length', () => {
    const good = 'tsk_01HX0000000000000000000000';
    expect(isId('task', good)).toBe(true);
    const refused = [
      good.replace('tsk_', 'mdl_'),
      good.slice(4),
      good.slice(0, -1),
      `${good}0`,
      `${good}\n`,
      ` ${good}`,
      good.toLowerCase(),
      good.replace('H', 'I'),
      good.replace('H', 'L'),
      good.replace('H', 'O'),
      good.replace('H', 'U'),
      'tsk_8ZZZZZZZZZZZZZZZZZZZZZZZZZ', // more than 128 bits
      '',
    ];
    for (const text of refused) expect(isId('task', text), text).toBe(false);
  });
});

describe('a device id', () => {
  it('is the base64url of 16 bytes and comes back', () => {
    for (let i = 0; i < 100; i++) {
      const value = random.bytes(16);
      const id = deviceIdFromBytes(value);
      expect(id).toHaveLength(22);
      expect(isDeviceId(id)).toBe(true);
      expect(deviceIdToBytes(id)).toEqual(value);
    }
  });

  it('is refused in any but its one form', () => {
    expect(isDeviceId('A'.repeat(22))).toBe(true);
    for (const text of [
      'A'.repeat(21),
      'A'.repeat(23),
      `${'A'.repeat(21)}B`,
      `${'A'.repeat(21)}=`,
      `${'+'.repeat(21)}A`,
    ]) {
      expect(isDeviceId(text), text).toBe(false);
      expect(() => deviceIdToBytes(text as never), text).toThrow(RangeError);
    }
    for (const length of [0, 15, 17]) expect(() => deviceIdFromBytes(bytes(length))).toThrow(RangeError);
  });
});
