/** What travels on a device's socket: names, small JSON headers, binary bodies. */

import * as z from 'zod/mini';
import { type Bytes, concat, tag } from '../bytes.ts';
import { errorCodes } from '../errors.ts';
import { algorithmField, bytesField, deviceIdField, idField, u64Field } from './fields.ts';
import { wireVersion } from './version.ts';

/** socket.io `auth`: who connects, before it has proved anything. Another protocol gets `upgrade-required`. */
export const handshake = z.strictObject({
  protocol: z.literal(wireVersion),
  clientKey: z.string().check(z.regex(/^pk_[A-Za-z0-9_-]{22,64}$/)),
  task: idField('task'),
  device: deviceIdField,
});
export type Handshake = z.infer<typeof handshake>;

/** The first packet down on every connection; `check-in` and `resume` prove the device's identity over it. */
export const challengeHeader = z.strictObject({ nonce: bytesField(32) });

/** What the identity key signs to prove itself on one connection. */
export function challengeText(nonce: Uint8Array, device: Uint8Array): Bytes {
  return concat(tag('chorale/socket/v1'), nonce, device);
}

/** The device offers itself for the task's next round. */
export const checkInHeader = z.strictObject({ signature: bytesField(64), lastRound: z.optional(u64Field) });

/** The device comes back into a round that is under way; the coordinator repeats what it missed. */
export const resumeHeader = z.strictObject({ signature: bytesField(64), round: u64Field });

/** Every message of a running round, up and down: the body is the protocol's binary message. */
export const roundHeader = z.strictObject({ round: u64Field });

/** `withdraw`: out of the named round, or of the waiting pool when no round is named. */
export const withdrawHeader = z.strictObject({ round: z.optional(u64Field) });

/** `plan`: the body is a plan bundle. */
export const planHeader = z.strictObject({ round: u64Field, algorithm: algorithmField });

/** `pace`: when to check in again, and why not now. */
export const paceHeader = z.strictObject({
  reason: z.enum(['round-over', 'not-selected', 'task-paused', 'task-done', 'task-exhausted', 'draining']),
  checkInAfterMs: z.optional(z.int().check(z.nonnegative())),
});

export const reply = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true) }),
  z.object({
    ok: z.literal(false),
    code: z.enum(errorCodes),
    detail: z.string(),
    retryAfterMs: z.optional(z.number()),
  }),
]);

export const upNames = [
  'check-in',
  'advertise',
  'deal',
  'acknowledge',
  'masked-input',
  'certify',
  'unmask',
  'resume',
  'withdraw',
] as const;
export type SocketUpName = (typeof upNames)[number];

export const downNames = [
  'challenge',
  'plan',
  'roster',
  'shares',
  'sharers',
  'survivors',
  'certificate',
  'outcome',
  'pace',
] as const;
export type SocketDownName = (typeof downNames)[number];
