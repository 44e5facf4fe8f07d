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

/** How a program's clock is wrong. Whole numbers, negative for a clock that is behind, or slow. */
export type ClockFault = {
  /** How far it is ahead when the program starts. */
  readonly skewMs: number;
  /** By how many parts of a thousand it is too fast. */
  readonly driftPerMille: number;
};

/** The clock that a program reads: wrong in its own way, and silent once the program is dead. */
export function clockOf(life: Life, world: Clock, { skewMs, driftPerMille }: ClockFault): Clock {
  const [startedAt, pace] = [world.now(), 1000 + driftPerMille];
  const elapsedOn = (passed: number) => Math.floor((passed * pace) / 1000);
  return {
    now: () => startedAt + skewMs + elapsedOn(world.now() - startedAt),
    wakeAt(at, callback) {
      // The least time of the world's at which this clock shows so much.
      const passed = Math.ceil(((at - startedAt - skewMs) * 1000) / pace);
      return world.wakeAt(startedAt + passed, () => void (life.isOver || callback()));
    },
  };
}

/** What a dead program waits for. */
export function never<Result>(): Promise<Result> {
  return new Promise(() => {});
}
