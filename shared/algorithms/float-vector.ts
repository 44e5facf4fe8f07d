/** Float32 vectors in JSON: base64url of little-endian bytes, so that every bit makes the round trip. */

import * as z from 'zod/mini';
import { base64url, fromBase64url } from '../bytes.ts';
import { bytesToFloats, floatsToBytes } from '../vectors.ts';

const finiteVector = z
  .custom<Float32Array<ArrayBuffer>>((value) => value instanceof Float32Array, 'not a Float32Array')
  .check(z.refine((values) => values.every(Number.isFinite), 'a number is not finite'));

/** Parses base64url text into finite numbers; encodes back to the same text. */
export const floatVector = z.codec(z.string(), finiteVector, {
  decode(text, context) {
    try {
      return bytesToFloats(fromBase64url(text));
    } catch {
      context.issues.push({ code: 'custom', input: text, message: 'not float32 numbers as base64url' });
      return z.NEVER;
    }
  },
  encode: (values) => base64url(floatsToBytes(values)),
});
