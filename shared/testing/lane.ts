import type { Clock, Instant } from '../ports.ts';

/** One direction of a connection: things arrive in the order in which they were sent, whatever their delays. */
export class Lane {
  readonly #clock: Clock;
  #lastArrivalAt: Instant = 0;
  #held: (() => void)[] | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  deliver(delayMs: number, arrive: () => void): void {
    this.#lastArrivalAt = Math.max(this.#clock.now() + delayMs, this.#lastArrivalAt);
    this.deliverBesides(this.#lastArrivalAt - this.#clock.now(), arrive);
  }

  /** Delivers without keeping the order. */
  deliverBesides(delayMs: number, arrive: () => void): void {
    const pass = () => (this.#held === undefined ? arrive() : void this.#held.push(arrive));
    // No delay means no time at all: the receiver acts before the clock moves on, even if nobody moves it.
    if (delayMs <= 0) queueMicrotask(pass);
    else this.#clock.wakeAt(this.#clock.now() + delayMs, pass);
  }

  /** Keeps what would arrive from now on, until `release`. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const arrive of held) arrive();
  }
}
