/** One run of a program. Once it is over, nothing that it has begun is written, sent or heard any more. */

import type { Clock } from '@chorale/shared';

export class Life {
  /** Resolves when the program is dead. */
  readonly ended: Promise<void>;
  #isOver = false;
  #end: () => void = () => {};

  constructor() {
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  end(): void {
    this.#isOver = true;
    this.#end();
  }
}

/**
 * The clock that a program reads: ahead of the world's by `skewMs`, and silent once the program is dead.
 *
 * @param skewMs whole, negative for a clock that is behind
 */
export function clockOf(life: Life, world: Clock, skewMs = 0): Clock {
  return {
    now: () => world.now() + skewMs,
    wakeAt: (at, callback) => world.wakeAt(at - skewMs, () => void (life.isOver || callback())),
  };
}

/** What a dead program waits for. */
export function never<Result>(): Promise<Result> {
  return new Promise(() => {});
}
