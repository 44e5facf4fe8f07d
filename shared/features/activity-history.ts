/** A person's visits, views and cart, as they were known before any instant: each event is one step, and costs O(1). */

import type { Instant } from '../ports.ts';
import { type Activity, compareActivities, type DeviceType, readActivity } from './activity.ts';
import { type Cart, emptyCart, withAddition, withRemoval } from './cart.ts';
import { type Chain, newest } from './chain.ts';
import type { ChoraleEvent } from './events.ts';
import { type Past, Timeline } from './timeline.ts';

/** Who comes back after so long comes for another visit. */
const sessionGapMs = 30 * 60_000;
/** Nobody does the same to the same product twice in so short a time. */
const copyMs = 1000;
/** Looked back upon for copies: a log that knows only days, or none, must not cost more and more. */
const mostInCopyTime = 100;

/** As far as it has gone: the visit that an instant falls into is known up to that instant. */
export type Session = {
  readonly startedAt: Instant;
  readonly lastAt: Instant;
  readonly events: number;
  /** The first that an event of the visit names. */
  readonly device: DeviceType | undefined;
};

export type Seen = {
  /** Of the first event; undefined while there is none. */
  readonly firstAt: Instant | undefined;
  /** Of the last event. */
  readonly tzOffsetMinutes: number;
  readonly sessions: Chain<Session> | undefined;
  readonly sessionCount: number;
  readonly views: Chain<Activity> | undefined;
  readonly pageViews: number;
  readonly productViews: number;
  readonly cartAdditions: number;
  readonly lastCartAdditionAt: Instant | undefined;
  readonly cartRemovals: number;
  readonly checkouts: number;
  readonly cart: Cart;
  /** Everything that was no copy. */
  readonly kept: Chain<Activity> | undefined;
};

const nothing: Seen = {
  firstAt: undefined,
  tzOffsetMinutes: 0,
  sessions: undefined,
  sessionCount: 0,
  views: undefined,
  pageViews: 0,
  productViews: 0,
  cartAdditions: 0,
  lastCartAdditionAt: undefined,
  cartRemovals: 0,
  checkouts: 0,
  cart: emptyCart,
  kept: undefined,
};

/** Grows event by event; neither their order of arrival nor copies of one event make a difference. */
export class ActivityHistory implements Past<Seen> {
  readonly #timeline: Timeline<Activity, Seen>;

  /** @param isCopy whether an order is a late copy of an earlier one: somebody was there, but did not buy again */
  constructor(isCopy: (order: Activity) => boolean) {
    const step = (seen: Seen, activity: Activity) =>
      isAgain(seen, activity) ? seen : withActivity(seen, activity, isCopy);
    this.#timeline = new Timeline({ start: nothing, step, compare: compareActivities });
  }

  observe(event: ChoraleEvent): void {
    const activity = readActivity(event);
    if (activity !== undefined) this.#timeline.insert(activity);
  }

  /** What was seen strictly before `cut`. */
  before(cut: Instant): Seen {
    return this.#timeline.before(cut);
  }
}

/** Judged by what was kept, in the order of time: of copies a chain of half seconds long, one a second counts. */
function isAgain({ kept }: Seen, { key, at }: Activity): boolean {
  return newest(kept, (one) => at - one.at < copyMs, mostInCopyTime).some((one) => one.key === key);
}

function withActivity(seen: Seen, activity: Activity, isCopy: (order: Activity) => boolean): Seen {
  const { at, tzOffsetMinutes } = activity;
  return {
    ...withPresence(seen, activity),
    ...done(seen, activity, isCopy),
    firstAt: seen.firstAt ?? at,
    tzOffsetMinutes,
    kept: { item: activity, older: seen.kept },
  };
}

function withPresence(seen: Seen, { at, device }: Activity): Seen {
  const last = seen.sessions?.item;
  if (last === undefined || at - last.lastAt >= sessionGapMs) {
    const item = { startedAt: at, lastAt: at, events: 1, device };
    return { ...seen, sessions: { item, older: seen.sessions }, sessionCount: seen.sessionCount + 1 };
  }
  const item = { ...last, lastAt: at, events: last.events + 1, device: last.device ?? device };
  return { ...seen, sessions: { item, older: seen.sessions?.older } };
}

function done(seen: Seen, activity: Activity, isCopy: (order: Activity) => boolean): Partial<Seen> {
  switch (activity.kind) {
    case 'page':
      return { pageViews: seen.pageViews + 1 };
    case 'view':
      return { productViews: seen.productViews + 1, views: { item: activity, older: seen.views } };
    case 'addition':
      return {
        cartAdditions: seen.cartAdditions + 1,
        lastCartAdditionAt: activity.at,
        cart: withAddition(seen.cart, activity),
      };
    case 'removal':
      return { cartRemovals: seen.cartRemovals + 1, cart: withRemoval(seen.cart, activity) };
    case 'checkout':
      return { checkouts: seen.checkouts + 1 };
    case 'order':
      return isCopy(activity) ? {} : { cart: emptyCart };
    case 'other':
      return {};
  }
}
