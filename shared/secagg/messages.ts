/** The messages of a round: opaque to whoever carries them. Their bodies are in `up-messages.ts` and `down-messages.ts`. */

import type { Bytes } from '../bytes.ts';

export const upNames = [
  'advertise',
  'deal',
  'acknowledge',
  'masked-input',
  'certify',
  'unmask',
  'resume',
  'withdraw',
] as const;
export const downNames = ['roster', 'shares', 'sharers', 'survivors', 'certificate', 'outcome'] as const;

/** Device → coordinator. `resume` and `withdraw` have empty bodies. */
export type UpName = (typeof upNames)[number];
/** Coordinator → device. `sharers` carries U1, `survivors` U2. */
export type DownName = (typeof downNames)[number];

export type UpMessage = { readonly name: UpName; readonly body: Bytes };
export type DownMessage = { readonly name: DownName; readonly body: Bytes };

/**
 * A message whose body is put together when it is first asked for. A large cohort is sent tens of megabytes at once, and
 * whoever sends them can then do something else between two devices.
 */
export function lateMessage(name: DownName, make: () => Bytes): DownMessage {
  let body: Bytes | undefined;
  return {
    name,
    get body() {
      body ??= make();
      return body;
    },
  };
}

/** One request of every device and the coordinator's answer to it: R0, R1a, R1b, R2, R3, R4. */
export const turns = ['advertise', 'deal', 'acknowledge', 'masked-input', 'certify', 'unmask'] as const;
export type Turn = (typeof turns)[number];

export const signatureBytes = 64;
export const hashBytes = 32;
/** A sealed pair of shares: 104 bytes of plain text and the authenticator. */
export const sealedBytes = 120;
/** u8 kind ‖ share ‖ salt */
export const revealBytes = 49;
