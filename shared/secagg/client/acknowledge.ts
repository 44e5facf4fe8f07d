/** R1b: open what the neighbours dealt, compare it with the hashes that they signed, and say whose shares are good. */

import { type Bytes, concat, equal } from '../../bytes.ts';
import { acknowledgeText } from '../context.ts';
import { type DealtShares, decodeShares } from '../down-messages.ts';
import { decodeSharePair, encodeAcknowledgement, neighbourBitmap, type SharePair } from '../up-messages.ts';
import { hashesOf } from './deal.ts';
import { compute, deadlineAfter, type Round, type Seat, type Step, say, sign, type Waiting } from './state.ts';

type Dealt = Extract<Waiting, { at: 'awaiting-shares' }>;

/** @throws ChoraleError `invalid-input` where the message is malformed */
export function acceptShares(round: Round, body: Bytes, dealt: Dealt): Step {
  const shares = [...decodeShares(body, dealt.seat.neighbours.length)];
  const boxes = shares.map(([index, { sealed }]) => ({ key: dealt.boxKeysIn[index]!, sealed }));
  return compute(round, { do: 'openMany', boxes }, (later, result) => {
    const opened = new Set<number>();
    const good = new Map<number, SharePair>();
    shares.forEach(([index, share], i) => {
      const plain = result.opened[i];
      if (!plain) return;
      opened.add(index);
      const pair = goodPair(dealt.seat, index, plain, share);
      if (pair) good.set(index, pair);
    });
    return acknowledge(later, dealt, opened, good);
  });
}

/** The pair, if it is meant for this device, comes from this dealer, and is what the dealer signed. */
function goodPair(seat: Seat, index: number, plain: Bytes, dealt: DealtShares): SharePair | undefined {
  const pair = decodeSharePair(plain);
  if (!pair || pair.dealer !== seat.neighbours[index] || pair.holder !== seat.place) return undefined;
  const isAsSigned = equal(hashesOf(seat.cohort.ctx, pair), concat(dealt.maskKeyHash, dealt.selfMaskHash));
  return isAsSigned ? pair : undefined;
}

function acknowledge(
  round: Round,
  { seat, secrets, viewKeysOut, viewKeysIn }: Dealt,
  opened: ReadonlySet<number>,
  shares: ReadonlyMap<number, SharePair>,
): Step {
  const bitmap = neighbourBitmap(shares.keys(), seat.neighbours.length);
  const text = acknowledgeText({ ctx: seat.cohort.ctx, place: seat.place }, bitmap);
  return sign(round, text, (later, signature) => {
    const deadline = deadlineAfter(later, later.device.plan.limits.acknowledgeMs);
    return say(
      later,
      { name: 'acknowledge', body: encodeAcknowledgement({ bitmap, signature }) },
      { at: 'awaiting-sharers', seat, secrets, viewKeysOut, viewKeysIn, opened, shares, deadline },
    );
  });
}
