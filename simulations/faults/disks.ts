/** What stands on the disks of a world, in the formats of those who wrote it. */

import { type Bytes, fromUtf8, type TaskId } from '@chorale/shared';
import type { MemoryDisk } from '@chorale/shared/adapters/node';

/** A record on a disk; undefined where there is none. */
export function recordAt<Shape>(disk: MemoryDisk, key: string): Shape | undefined {
  const value = disk.get(key);
  return value === undefined ? undefined : (JSON.parse(fromUtf8(value)) as Shape);
}

export function recordsUnder<Shape>(disk: MemoryDisk, prefix: string): readonly Shape[] {
  return entriesUnder(disk, prefix).map(({ value }) => JSON.parse(fromUtf8(value)) as Shape);
}

export function entriesUnder(disk: MemoryDisk, prefix: string): readonly { key: string; value: Bytes }[] {
  // '0' is the character after '/'.
  return disk.range({ from: `${prefix}/`, to: `${prefix}0` });
}

export function roundKey(kind: 'round' | 'ledger', task: TaskId, round: bigint): string {
  return `${kind}/${task}/${round.toString().padStart(20, '0')}`;
}

/** As it is stored and sent, as far as laws about training look into it. */
export type SignedReceipt = {
  readonly receipt: { readonly decidedAt: number; readonly decisions: { readonly training?: string } };
};

/** What somebody decided about training, and when. */
export type Word = { readonly at: number; readonly decisions: { readonly training?: string } };

/** Of two words at one instant the one that refuses counts. */
export function isLastWordNo(words: readonly Word[]): boolean {
  const about = words.filter(({ decisions }) => decisions.training !== undefined);
  const last = Math.max(...about.map(({ at }) => at));
  return about.some(({ at, decisions }) => at === last && decisions.training !== 'granted');
}
