/** What the coordinator has acknowledged outlives it: tasks, devices, receipts, committed rounds and their models. */

import { type Bytes, base64url, equal, fromBase64url } from '@chorale/shared';
import { deviceIdOf } from '@chorale/shared/secagg';
import type { Seen } from '../../world/seen.ts';
import { entriesUnder, recordAt, recordsUnder } from '../disks.ts';
import type { Evidence, Law } from './law.ts';

/** Written once, by a commit, and never changed. */
const immutable = ['transcript', 'model', 'parameters'];

type Enrolment = { readonly task: never; readonly identityKey: string; readonly receipt: Receipt };
type Word = { readonly device: string; readonly receipt: Receipt };
type Receipt = { readonly signature: string };

export function nothingLost({ world }: Evidence): Law {
  const { disk } = world.coordinator;
  const tasks = new Set<string>();
  const devices = new Set<string>();
  /** By device: signatures. */
  const receipts = new Map<string, Set<string>>();
  const committed = new Map<string, Bytes>();
  let commits = 0;

  const keepReceipt = (device: string, { signature }: Receipt) =>
    void receipts.set(device, (receipts.get(device) ?? new Set()).add(signature));

  const keep = (seen: Seen) => {
    if (seen.see === 'step' && seen.moment.at === 'committed') {
      commits++;
      tasks.add(seen.moment.task);
      for (const { key, value } of immutable.flatMap((prefix) => entriesUnder(disk, prefix)))
        if (!committed.has(key)) committed.set(key, value);
    }
    if (seen.see !== 'answered' || seen.method !== 'POST' || seen.status >= 300) return;
    if (seen.path.endsWith('/consents')) {
      const { device, receipt } = seen.body as Word;
      keepReceipt(device, receipt);
    } else if (seen.path.endsWith('/devices')) {
      const { task, identityKey, receipt } = seen.body as Enrolment;
      const device = base64url(deviceIdOf(task, fromBase64url(identityKey)));
      devices.add(device);
      keepReceipt(device, receipt);
    }
  };

  const lost = (): string | undefined => {
    for (const task of tasks) if (!disk.get(`task/${task}`)) return 'an acknowledged task is lost';
    for (const device of devices) if (!disk.get(`device/${device}`)) return 'an acknowledged device is lost';
    for (const [device, signatures] of receipts) {
      const kept = new Set(recordsUnder<Receipt>(disk, `receipt/${device}`).map(({ signature }) => signature));
      if ([...signatures].some((signature) => !kept.has(signature))) return 'an acknowledged receipt is lost';
    }
    for (const [key, value] of committed) {
      const now = disk.get(key);
      if (now === undefined || !equal(now, value)) return `what was committed is lost: a ${key.split('/')[0]}`;
    }
    const counted = [...tasks].reduce(
      (sum, task) => sum + (recordAt<{ roundsCommitted: number }>(disk, `task/${task}`)?.roundsCommitted ?? 0),
      0,
    );
    return counted < commits ? `${commits} rounds were committed, and ${counted} are counted` : undefined;
  };

  return {
    name: 'nothing lost',
    judge(seen) {
      keep(seen);
      // What dies with a process is missing when the next one starts.
      return seen.see === 'started' && seen.who === 'coordinator' ? lost() : undefined;
    },
    conclude: lost,
  };
}
