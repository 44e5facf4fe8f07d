/** Where each record lives in the store: `/`-separated keys that sort the way they are listed. */

import type { DeviceId, ModelId, RoundId, TaskId } from '@chorale/shared';

export const storeKeys = {
  schema: 'meta/schema',
  keyring: 'meta/keyring',
  task: (task: TaskId) => `task/${task}`,
  taskState: (task: TaskId) => `task/${task}/state`,
  round: (task: TaskId, round: bigint) => `round/${task}/${paddedU64(round)}`,
  roundById: (round: RoundId) => `round-id/${round}`,
  transcript: (round: RoundId) => `transcript/${round}`,
  model: (task: TaskId, version: number) => `model/${task}/${padded(version)}`,
  modelById: (model: ModelId) => `model-id/${model}`,
  judgement: (task: TaskId, number: number) => `judgement/${task}/${padded(number)}`,
  parameters: (sha256: string) => `parameters/${sha256}`,
  device: (device: DeviceId) => `device/${device}`,
  receipt: (device: DeviceId, index: number) => `receipt/${device}/${padded(index)}`,
  apiKey: (hash: string) => `api-key/${hash}`,
  /** What one device has spent of a task's budget. */
  account: (task: TaskId, device: DeviceId) => `account/${task}/${device}`,
  /** Hashes of the receipts behind a round's survivors. */
  receiptLeaves: (round: RoundId) => `receipt-leaves/${round}`,
  answered: (idempotencyKey: string) => `answered/${idempotencyKey}`,
} as const;

function padded(number: number): string {
  return String(number).padStart(12, '0');
}

/** Twenty digits, since a round's upper bits are an epoch: twelve would stop sorting at the first one. */
function paddedU64(number: bigint): string {
  return number.toString().padStart(20, '0');
}

/** The half-open range of every key that starts with `prefix/`. */
export function under(prefix: string): { readonly from: string; readonly to: string } {
  // '0' is the character after '/'.
  return { from: `${prefix}/`, to: `${prefix}0` };
}

/** The first key behind `key` and everything below it. */
export function after(key: string): string {
  return `${key}0`;
}
