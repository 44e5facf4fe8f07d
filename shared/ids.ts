/** Typed, sortable ids: a prefix and the Crockford base32 of a UUIDv7 (RFC 9562, §5.7). */

import { type Bytes, base64url, bytes, fromBase64url } from './bytes.ts';
import type { Instant, Random } from './ports.ts';

export const idPrefixes = {
  task: 'tsk_',
  round: 'rnd_',
  model: 'mdl_',
  policy: 'pol_',
  receipt: 'rct_',
  key: 'key_',
  campaign: 'cmp_',
  experiment: 'exp_',
} as const;

export type IdKind = keyof typeof idPrefixes;
export type Id<Kind extends IdKind> = `${(typeof idPrefixes)[Kind]}${string}` & { readonly kind: Kind };

export type TaskId = Id<'task'>;
export type RoundId = Id<'round'>;
export type ModelId = Id<'model'>;
export type PolicyId = Id<'policy'>;
export type ReceiptId = Id<'receipt'>;

/** A device within one task: 16 bytes of a hash of task and identity key, as base64url (22 characters). */
export type DeviceId = string & { readonly kind: 'device' };

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

export function newId<Kind extends IdKind>(kind: Kind, now: Instant, random: Random): Id<Kind> {
  const uuid = random.bytes(16);
  new DataView(uuid.buffer).setUint16(0, Math.floor(now / 2 ** 32));
  new DataView(uuid.buffer).setUint32(2, now % 2 ** 32);
  uuid[6] = 0x70 | (uuid[6]! & 0x0f);
  uuid[8] = 0x80 | (uuid[8]! & 0x3f);
  return idFromBytes(kind, uuid);
}

/** The 16 bytes behind an id: how the protocol's byte layouts name a task. */
export function idToBytes(id: Id<IdKind>): Bytes {
  const value = bytes(16);
  let [window, width, next] = [0, 0, 15];
  for (let i = id.length - 1; i >= 4; i--) {
    window |= alphabet.indexOf(id[i]!) << width;
    width += 5;
    if (width < 8) continue;
    value[next--] = window;
    window >>>= 8;
    width -= 8;
  }
  return value;
}

/** @throws RangeError unless there are 16 bytes. */
export function idFromBytes<Kind extends IdKind>(kind: Kind, value: Uint8Array): Id<Kind> {
  if (value.length !== 16) throw new RangeError('an id has 16 bytes');
  let number = value.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  let digits = '';
  for (let i = 0; i < 26; i++) {
    digits = alphabet[Number(number & 31n)]! + digits;
    number >>= 5n;
  }
  return `${idPrefixes[kind]}${digits}` as Id<Kind>;
}

export function isId<Kind extends IdKind>(kind: Kind, text: string): text is Id<Kind> {
  // 26 base32 digits hold 130 bits: the first digit of a 128-bit number is at most 7.
  return text.startsWith(idPrefixes[kind]) && /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(text.slice(4));
}

/** @throws RangeError unless there are 16 bytes. */
export function deviceIdFromBytes(value: Uint8Array): DeviceId {
  if (value.length !== 16) throw new RangeError('a device id has 16 bytes');
  return base64url(value) as DeviceId;
}

/** @throws RangeError unless the text is the canonical base64url of 16 bytes. */
export function deviceIdToBytes(id: DeviceId): Bytes {
  const value = fromBase64url(id);
  if (value.length !== 16) throw new RangeError('a device id has 16 bytes');
  return value;
}

export function isDeviceId(text: string): text is DeviceId {
  // 22 characters hold 132 bits: the last four are zero in the canonical form.
  return /^[A-Za-z0-9_-]{21}[AQgw]$/.test(text);
}
