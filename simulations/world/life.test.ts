import { type SeededRandom, seededRandom, virtualClock } from '@chorale/shared/testing';
import { clockContract } from '@chorale/shared/testing/contracts';
import { describe, expect, it } from 'vitest';
import { type ClockFault, clockOf, Life } from './life.ts';

const faults: ClockFault[] = [
  { skewMs: 0, driftPerMille: 0 },
  { skewMs: -40_000, driftPerMille: 30 },
  { skewMs: 40_000, driftPerMille: -30 },
];
for (const fault of faults) {
  clockContract(`the clock of a program, ${fault.skewMs} ms off and ${fault.driftPerMille} ‰ too fast,`, () => {
    const world = virtualClock();
    return { clock: clockOf(new Life(), world, fault), pass: (ms) => world.advance(Math.ceil(ms * 1.04)) };
  });
}

describe('a clock that runs too fast', () => {
  const seed = 'drift';

  it(`gains as much as it should, and wakes at its own time (seed ${seed})`, async () => {
    const random: SeededRandom = seededRandom(seed);
    for (let trial = 0; trial < 200; trial++) {
      const world = virtualClock();
      const fault = { skewMs: random.below(9) - 4, driftPerMille: random.below(61) - 30 };
      const clock = clockOf(new Life(), world, fault);
      const begin = clock.now();
      const at = begin + random.below(100_000);
      let wokenAt: number | undefined;
      clock.wakeAt(at, () => {
        wokenAt = clock.now();
      });
      await world.advance(110_000);
      // A fast clock may step over an instant, by no more than one.
      expect([at, at + 1]).toContain(wokenAt);
      expect(clock.now() - begin).toBe(Math.floor((110_000 * (1000 + fault.driftPerMille)) / 1000));
    }
  });

  it('is silent when its program is dead', async () => {
    const [world, life] = [virtualClock(), new Life()];
    const clock = clockOf(life, world, { skewMs: 7, driftPerMille: 1 });
    let isWoken = false;
    clock.wakeAt(clock.now() + 10, () => {
      isWoken = true;
    });
    life.end();
    await world.advance(100);
    expect(isWoken).toBe(false);
  });
});
