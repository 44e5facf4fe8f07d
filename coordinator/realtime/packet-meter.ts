import { ChoraleError, type Instant } from '@chorale/shared';

const windowMs = 60_000;

/** Counts one connection's packets, so many per minute: a device that floods is told to wait. */
export class PacketMeter {
  readonly #perWindow: number;
  #windowFrom: Instant = Number.NEGATIVE_INFINITY;
  #counted = 0;

  constructor(perWindow: number) {
    this.#perWindow = perWindow;
  }

  /** @throws ChoraleError `rate-limited` */
  count(now: Instant): void {
    if (now >= this.#windowFrom + windowMs) {
      this.#windowFrom = now;
      this.#counted = 0;
    }
    this.#counted++;
    if (this.#counted <= this.#perWindow) return;
    const retryAfterMs = this.#windowFrom + windowMs - now;
    throw new ChoraleError('rate-limited', 'too many messages: wait and try again', { retryAfterMs });
  }
}
