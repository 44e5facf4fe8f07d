/** Fields that several schemas share. */

import * as z from 'zod/mini';
import { fromBase64url } from '../bytes.ts';
import { type DeviceId, type Id, type IdKind, isDeviceId, isId } from '../ids.ts';

export function idField<Kind extends IdKind>(kind: Kind) {
  return z.custom<Id<Kind>>((value) => typeof value === 'string' && isId(kind, value), `not a ${kind} id`);
}

export const deviceIdField = z.custom<DeviceId>(
  (value) => typeof value === 'string' && isDeviceId(value),
  'not a device id: 16 bytes as base64url',
);

/** Exactly `length` bytes in canonical base64url. */
export function bytesField(length: number) {
  return z.string().check(
    z.maxLength(Math.ceil((length * 4) / 3)),
    z.refine((text) => decodedLength(text) === length, `not ${length} bytes as base64url`),
  );
}

function decodedLength(text: string): number {
  try {
    return fromBase64url(text).length;
  } catch {
    return -1;
  }
}

/** SHA-256 as 64 lower-case hexadecimal digits. */
export const sha256Field = z.string().check(z.regex(/^[0-9a-f]{64}$/, 'not a SHA-256 in lower-case hexadecimal'));

/** u64 as a decimal string: JSON numbers would lose its upper bits. */
export const u64Field = z.string().check(z.refine(isU64, 'not a u64 in decimal'));

function isU64(text: string): boolean {
  return /^(0|[1-9][0-9]{0,19})$/.test(text) && BigInt(text) < 2n ** 64n;
}

/** ISO 8601 in UTC with milliseconds. */
export const timeField = z.iso.datetime();

export const algorithmField = z.string().check(z.regex(/^[a-z][a-z0-9-]{0,62}\/[0-9]{1,4}$/, 'not like fed-avg/1'));

export const purposeField = z.enum(['scoring', 'personalization', 'training', 'diagnostics']);
