/** The plan as it travels: D and its signature, the plan key's certificate, and the broadcast that D's hash names. */

import * as z from 'zod/mini';
import { type Bytes, concat, fromUtf8, readU32, u32, utf8 } from '../bytes.ts';
import { ChoraleError } from '../errors.ts';
import { foldQuery } from '../features/folds.ts';
import { parseInput } from './problem.ts';

/** A broadcast larger than this does not travel on the socket but by HTTP, under its hash. */
export const inlineBroadcastBytes = 16_384;
export const maxBroadcastBytes = 64 * 1024 * 1024;

/** What H(broadcast) covers: which examples the round asks about, and the algorithm's own broadcast. */
export const planBroadcast = z.strictObject({
  /** `source` names a feature source that the device has; the rest, but for `fold`, is that source's own query. */
  examples: z.looseObject({
    source: z.string().check(z.minLength(1), z.maxLength(64)),
    /** Only a part of the devices has anything to say; the others add nothing, and nobody can tell who. */
    fold: z.optional(foldQuery),
  }),
  algorithm: z.unknown(),
  /** How vectors become whole grid steps; at random unless said. Never to the nearest where there is noise. */
  rounding: z.optional(z.literal('nearest')),
});
export type PlanBroadcast = z.infer<typeof planBroadcast>;

export function encodeBroadcast(broadcast: PlanBroadcast): Bytes {
  return utf8(JSON.stringify(broadcast));
}

/** @throws ChoraleError `invalid-input` */
export function decodeBroadcast(value: Uint8Array): PlanBroadcast {
  return parseInput(planBroadcast, parseJson(value), 'broadcast');
}

function parseJson(value: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(value));
  } catch {
    throw new ChoraleError('invalid-input', 'broadcast: not JSON in UTF-8');
  }
}

export type PlanBundle = {
  /** D: 288 bytes. */
  readonly plan: Bytes;
  /** By the plan key, 64 bytes. */
  readonly signature: Bytes;
  /** The root key's word for the plan key. */
  readonly planKeyCertificate: Bytes;
  /** undefined: too large for the socket; fetch it by the hash that D holds. */
  readonly broadcast: Bytes | undefined;
};

const planBytes = 288;
const signatureBytes = 64;

/** plan ‖ signature ‖ u32 length ‖ certificate ‖ broadcast (empty: by HTTP). */
export function encodePlanBundle(bundle: PlanBundle): Bytes {
  const { plan, signature, planKeyCertificate, broadcast } = bundle;
  return concat(plan, signature, u32(planKeyCertificate.length), planKeyCertificate, broadcast ?? new Uint8Array(0));
}

/** Cuts the parts apart; their contents are checked by their own decoders. @throws ChoraleError `invalid-input` */
export function decodePlanBundle(value: Uint8Array): PlanBundle {
  const fixed = planBytes + signatureBytes + 4;
  if (value.length < fixed || value.length > fixed + 65_536 + inlineBroadcastBytes) throw malformed();
  const certificateEnd = fixed + readU32(value, fixed - 4);
  if (certificateEnd > value.length) throw malformed();
  const rest = value.slice(certificateEnd);
  return {
    plan: value.slice(0, planBytes),
    signature: value.slice(planBytes, planBytes + signatureBytes),
    planKeyCertificate: value.slice(fixed, certificateEnd),
    broadcast: rest.length === 0 ? undefined : rest,
  };
}

function malformed(): ChoraleError {
  return new ChoraleError('invalid-input', 'plan: not a plan bundle');
}
