/**
 * What a person decided, as a record that the device signs and both sides keep. The fields follow ISO/IEC TS 27560:2023:
 * who (device), what was shown (policy and language), for what (purposes), which event, when, until when.
 */

import * as z from 'zod/mini';
import { type Bytes, base64url, concat, fromBase64url, tag, utf8 } from '../bytes.ts';
import { sha256 } from '../crypto/hashing.ts';
import type { CryptoJob, SignedText } from '../crypto/provider.ts';
import { type DeviceId, isDeviceId, isId, type PolicyId, type ReceiptId, type TaskId } from '../ids.ts';
import { canonicalJson } from './canonical-json.ts';
import { purposes } from './purposes.ts';

const receiptTag = 'chorale/consent/receipt/v1';

/** A withdrawal takes back an earlier grant; a denial says that there is none. */
export const decision = z.enum(['granted', 'denied', 'withdrawn']);
export type Decision = z.infer<typeof decision>;

/** The purposes decided on at once. One that is not named stays as it was. */
const decisions = z
  .partialRecord(z.enum(purposes), decision)
  .check(z.refine((made) => Object.keys(made).length > 0, 'a receipt decides on at least one purpose'));
export type Decisions = z.infer<typeof decisions>;

const instant = z.int().check(z.nonnegative());

export const receipt = z.strictObject({
  /** Which fields there are, and the tag under which they are signed. */
  schema: z.literal(receiptTag),
  id: z.custom<ReceiptId>((value) => typeof value === 'string' && isId('receipt', value), 'not a receipt id'),
  task: z.custom<TaskId>((value) => typeof value === 'string' && isId('task', value), 'not a task id'),
  device: z.custom<DeviceId>((value) => typeof value === 'string' && isDeviceId(value), 'not a device id'),
  policy: z.strictObject({
    id: z.optional(
      z.custom<PolicyId>((value) => typeof value === 'string' && isId('policy', value), 'not a policy id'),
    ),
    /** Of the exact text that was shown, in lower-case hexadecimal. */
    sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/, 'not a SHA-256 in lower-case hexadecimal')),
  }),
  /** In which the text was shown: a BCP 47 tag. */
  language: z.string().check(z.regex(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/, 'not a language tag')),
  decisions,
  /** The person's own choice, or a signal such as Global Privacy Control that speaks for them. */
  method: z.enum(['choice', 'signal']),
  /** Instant of the decision; grows with every receipt of a device. */
  decidedAt: instant,
  /** Instant from which grants no longer count; never unless said. */
  expiresAt: z.optional(instant),
});
export type Receipt = z.infer<typeof receipt>;

export const signedReceipt = z.strictObject({
  receipt,
  /** Ed25519 by the device's identity key over `receiptText`: 64 bytes as base64url. */
  signature: z.string().check(z.refine(isSignature, 'not 64 bytes as base64url')),
});
export type SignedReceipt = z.infer<typeof signedReceipt>;

export type NewReceipt = Omit<Receipt, 'schema'>;

/** @throws z.core.$ZodError where a field is not what the schema says */
export function createReceipt(fields: NewReceipt): Receipt {
  return receipt.parse({ schema: receiptTag, ...fields });
}

/** The bytes that are signed: tag ‖ canonical JSON. */
export function receiptText(receipt: Receipt): Bytes {
  return concat(tag(receiptTag), utf8(canonicalJson(receipt)));
}

/** The crypto job that signs; its one signature completes the receipt. */
export function signingJob(receipt: Receipt, secretKey: Bytes): CryptoJob & { readonly do: 'signMany' } {
  return { do: 'signMany', secretKey, messages: [receiptText(receipt)] };
}

export function withSignature(receipt: Receipt, signature: Bytes): SignedReceipt {
  return { receipt, signature: base64url(signature) };
}

/** What a `verifyMany` job checks, under the identity key of the receipt's device. */
export function signedText({ receipt, signature }: SignedReceipt, publicKey: Bytes): SignedText {
  return { publicKey, message: receiptText(receipt), signature: fromBase64url(signature) };
}

/** Names a receipt in transcripts and logs: SHA-256 of what was signed and the signature, 32 bytes. */
export function receiptHash({ receipt, signature }: SignedReceipt): Bytes {
  return sha256(receiptText(receipt), fromBase64url(signature));
}

function isSignature(text: string): boolean {
  // 86 characters hold 516 bits: the last four are zero in the canonical form.
  return /^[A-Za-z0-9_-]{85}[AQgw]$/.test(text);
}
