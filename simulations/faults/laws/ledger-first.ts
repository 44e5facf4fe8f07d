/** What a device sends in a round stands in its ledger before, and stays there: otherwise it could be given twice. */

import type { TaskId } from '@chorale/shared';
import type { WorldDevice } from '../../world/device.ts';
import { recordAt, roundKey } from '../disks.ts';
import { type Evidence, type Law, roundOf } from './law.ts';

const stageBefore: Readonly<Record<string, string>> = {
  advertise: 'claimed',
  'masked-input': 'spent',
  certify: 'signed',
  unmask: 'revealed',
};

type Entry = { readonly stages: readonly string[]; readonly sentBytes: number };
type Given = {
  readonly device: WorldDevice;
  readonly task: TaskId;
  readonly round: bigint;
  readonly stage: string;
  readonly sentBytes: number;
};

export function ledgerFirst({ world, scene: { vectorBytes } }: Evidence): Law {
  const given: Given[] = [];
  return {
    name: 'ledger first',
    judge(seen) {
      if (seen.see !== 'sent') return undefined;
      const stage = stageBefore[seen.packet.name];
      if (stage === undefined) return undefined;
      const { device, ends, packet } = seen;
      const sentBytes = stage === 'spent' ? vectorBytes : 0;
      const sent = { device: world.devices[device]!, task: ends.task, round: roundOf(packet), stage, sentBytes };
      given.push(sent);
      return debtOf(sent);
    },
    conclude: () => given.map(debtOf).find((debt) => debt !== undefined),
  };
}

function debtOf({ device, task, round, stage, sentBytes }: Given): string | undefined {
  const entry = recordAt<Entry>(device.disk, roundKey('ledger', task, round));
  if (!entry?.stages.includes(stage)) return `device ${device.index} has not written that round ${round} is ${stage}`;
  if (entry.sentBytes >= sentBytes) return undefined;
  return `device ${device.index} has written less than it sent in round ${round}`;
}
