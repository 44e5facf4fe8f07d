/** An enrolled device: an identity key of one task, and the credential that vouches for it. */

import type { Bytes, DeviceId } from '@chorale/shared';
import { bytesField, type DeviceView, deviceIdField, idField } from '@chorale/shared/wire';
import * as z from 'zod';

export const device = z.object({
  device: deviceIdField,
  task: idField('task'),
  identityKey: bytesField(32),
  /** Day of enrolment, in whole days since 1970-01-01 UTC. */
  day: z.number().int().nonnegative(),
  credential: bytesField(68),
  /** Since when it may take part no more: its own signatures have shown that it broke the protocol. */
  barredAt: z.number().optional(),
});
export type Device = z.infer<typeof device>;

export function viewOfDevice({ device, task, credential }: Device): DeviceView {
  return { device, task, credential };
}

/** Whom an enrolment or a receipt is about. */
export type Subject = { readonly device: DeviceId; readonly identityKey: Bytes };
