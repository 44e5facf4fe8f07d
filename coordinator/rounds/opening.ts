/** Opens a round: reserves its number, makes its plan, and sends that to the devices that were chosen. */

import type { Bytes, DeviceId } from '@chorale/shared';
import type { Encoding, MergeRule } from '@chorale/shared/encoding';
import { encodePlan, type Plan, planText } from '@chorale/shared/secagg';
import { encodePlanBundle, inlineBroadcastBytes, type RoundView } from '@chorale/shared/wire';
import type { Keyring } from '../auth/keyring.ts';
import { sign } from '../auth/signatures.ts';
import type { Ports } from '../ports.ts';
import { gridRequestOf } from '../privacy/noise.ts';
import type { Learning } from '../tasks/learning.ts';
import type { Task } from '../tasks/task.ts';
import type { Broadcasts } from './broadcasts.ts';
import { makePlan } from './plan.ts';
import type { Rounds } from './rounds.ts';

export type OpenedRound = {
  readonly algorithm: string;
  readonly record: RoundView;
  readonly learning: Learning;
  readonly encoding: Encoding<string>;
  /** G: cohorts that the round wants. */
  readonly cohorts: number;
  readonly merge: MergeRule;
  readonly invited: readonly DeviceId[];
  readonly plan: Plan;
  /** D. */
  readonly planBytes: Bytes;
  /** What every invited device receives. */
  readonly bundle: Bytes;
};

export type OpeningParts = {
  readonly ports: Ports;
  readonly keyring: Keyring;
  readonly rounds: Rounds;
  readonly broadcasts: Broadcasts;
};

export async function openRound(
  { ports, keyring, rounds, broadcasts }: OpeningParts,
  task: Task,
  learning: Learning,
  invited: readonly DeviceId[],
): Promise<OpenedRound> {
  const encoding = learning.encoding(gridRequestOf(task));
  const broadcast = learning.broadcast(task.examples, task.privacy.mechanism !== 'none');
  broadcasts.shelve(task.id, broadcast);
  const record = await rounds.reserve(task.id, invited.length, keyring.epoch);
  const plan = makePlan({
    ...{ task, encoding, broadcast },
    round: BigInt(record.number),
    openedAt: Date.parse(record.openedAt),
  });
  const planBytes = encodePlan(plan);
  const bundle = encodePlanBundle({
    plan: planBytes,
    signature: await sign(ports.crypto, keyring.planKey.secretKey, planText(planBytes)),
    planKeyCertificate: await keyring.certificateFor([task.id]),
    broadcast: broadcast.length <= inlineBroadcastBytes ? broadcast : undefined,
  });
  const { algorithm, merge, cohort } = task;
  return { algorithm, merge, cohorts: cohort.count, record, learning, encoding, invited, plan, planBytes, bundle };
}
