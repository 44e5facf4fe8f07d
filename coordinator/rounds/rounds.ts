/** Round records: what remains of a round for people. Numbers are reserved here before anything is sent. */

import {
  ChoraleError,
  type DeviceId,
  type Instant,
  invariant,
  newId,
  type RoundId,
  type StoreWrite,
  type TaskId,
} from '@chorale/shared';
import {
  idField,
  type ReceiptInclusionView,
  type RoundView,
  roundView,
  type TranscriptView,
  transcriptView,
  turnNames,
  u64Field,
} from '@chorale/shared/wire';
import * as z from 'zod';
import type { Ports } from '../ports.ts';
import { storeKeys, under } from '../store/keys.ts';
import { type Page, type PageQuery, readPage } from '../store/pages.ts';
import { parseRecord, putRecord, readRecord } from '../store/records.ts';
import { nextRoundNumber } from './plan.ts';
import { receiptInclusion } from './receipts.ts';

export interface Rounds {
  /** Makes the next number of a task durable, as an open round: a coordinator killed later never uses it again. */
  reserve(task: TaskId, invited: number, epoch: number): Promise<RoundView>;
  /** @throws ChoraleError `not-found` */
  get(id: RoundId): Promise<RoundView>;
  page(task: TaskId, query: PageQuery): Promise<Page<RoundView>>;
  /** The round with the highest number. */
  last(task: TaskId): Promise<RoundView | undefined>;
  /** @throws ChoraleError `not-found` where the round did not commit */
  transcript(id: RoundId): Promise<TranscriptView>;
  /** By which receipt a device took part. @throws ChoraleError `not-found` where its vector is not in the sum */
  receipt(id: RoundId, device: DeviceId): Promise<ReceiptInclusionView>;
}

const pointer = z.object({ task: idField('task'), number: u64Field });

export function createRounds({ store, clock, random }: Ports): Rounds {
  const last = async (task: TaskId): Promise<RoundView | undefined> => {
    const [entry] = await store.range({ ...under(`round/${task}`), limit: 1, isReversed: true });
    return entry && parseRecord(roundView, entry);
  };
  const transcript = async (id: RoundId): Promise<TranscriptView> => {
    const found = await readRecord(store, storeKeys.transcript(id), transcriptView);
    if (!found) throw new ChoraleError('not-found', 'there is no transcript: only committed rounds have one');
    return found;
  };
  return {
    last,

    async reserve(task, invited, epoch) {
      const before = await last(task);
      const number = nextRoundNumber(before && BigInt(before.number), epoch);
      const now = clock.now();
      const id = newId('round', now, random);
      const round: RoundView = { id, task, number: number.toString(), state: 'open', ...opened(now, invited) };
      await store.batch([
        ...writesOf(round),
        putRecord(storeKeys.roundById(id), { task, number: round.number }),
        // A disk that refused the end of the round before: at most one is ever open.
        ...(before?.state === 'open' ? writesOf(closed(before, endLost, now)) : []),
      ]);
      return round;
    },

    async get(id) {
      const found = await readRecord(store, storeKeys.roundById(id), pointer);
      if (!found) throw new ChoraleError('not-found', 'there is no such round');
      const round = await readRecord(store, storeKeys.round(found.task, BigInt(found.number)), roundView);
      invariant(round, 'a named round is there');
      return round;
    },

    page: (task, query) => readPage(store, `round/${task}`, roundView, query),

    transcript,
    receipt: async (id, device) => receiptInclusion({ store }, await transcript(id), device),
  };
}

/** The writes that store a round's record. */
export function writesOf(round: RoundView): readonly StoreWrite[] {
  return [putRecord(storeKeys.round(round.task, BigInt(round.number)), round)];
}

export type RoundEnd =
  | ({ readonly state: 'committed' } & Pick<
      RoundView,
      'contributors' | 'model' | 'funnel' | 'droppedByTurn' | 'epsilon'
    >)
  | ({ readonly state: 'abandoned'; readonly reason: string } & Partial<
      Pick<RoundView, 'funnel' | 'droppedByTurn' | 'epsilon'>
    >);

export function closed(round: RoundView, end: RoundEnd, closedAt: Instant): RoundView {
  const durationMs = closedAt - Date.parse(round.openedAt);
  return { ...round, ...end, closedAt: new Date(closedAt).toISOString(), durationMs };
}

const endLost: RoundEnd = { state: 'abandoned', reason: 'its end could not be recorded' };

const noTurns = () => Object.fromEntries(turnNames.map((turn) => [turn, 0])) as RoundView['droppedByTurn'];

function opened(now: Instant, invited: number) {
  return { openedAt: new Date(now).toISOString(), funnel: { invited, answered: noTurns() }, droppedByTurn: noTurns() };
}
