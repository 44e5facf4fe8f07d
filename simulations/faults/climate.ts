/**
 * What can go wrong in a seed, and how often. Each seed has some kinds of faults and lacks others: if every seed had all
 * of them, hardly a round would get far enough for the rest to matter (swarm testing; Groce et al., ISSTA 2012).
 */

import { type LinkFaults, perfectLink, type SeededRandom } from '@chorale/shared/testing';

export type Climate = {
  readonly link: LinkFaults;
  /** How long a round takes about, if nothing goes wrong in it: slow networks would see more of what comes by the minute. */
  readonly roundMs: number;
  /** Per device and `roundMs`. */
  readonly partitionRate: number;
  readonly crashRate: number;
  readonly withdrawalRate: number;
  /** Of the coordinator, per `roundMs`. */
  readonly deathRate: number;
  readonly retirementRate: number;
  /** At each turn that a device answers. */
  readonly crashAtTurn: number;
  readonly withdrawalAtTurn: number;
  /** At each step of a round. */
  readonly deathAtStep: number;
  readonly deviceStore: StoreFaults;
  readonly coordinatorStore: StoreFaults;
  readonly http: { readonly mostDelayMs: number; readonly breakProbability: number };
  /** Clocks are as far off, either way. */
  readonly mostSkewMs: number;
  /** Clocks run as much too fast or too slow. */
  readonly mostDriftPerMille: number;
  /** Of a dead program, a device that cannot be reached, a person who has second thoughts. */
  readonly mostAwayMs: number;
  /** Between a device's looks at what the coordinator has. */
  readonly refreshSeconds: number;
  /** Otherwise it waits until devices have enrolled and a round is open. */
  readonly risesAtOnce: boolean;
  readonly stormMs: number;
  /** A storm ends sooner when so many rounds have opened in it, or were open when it rose. */
  readonly stormRounds: number;
  /** Devices that are invited for each place in the cohort. */
  readonly inviteFactor: number;
};

/** At each operation. */
export type StoreFaults = {
  readonly refusal: number;
  /** Of a write, half of it before the write is done. */
  readonly death: number;
  readonly mostDelayMs: number;
};

export function drawClimate(random: SeededRandom): Climate {
  const oneOf = <Value>(...values: readonly Value[]) => values[random.below(values.length)]!;
  const storeFaults = (): StoreFaults => ({
    refusal: oneOf(0, 0, 0.002, 0.02),
    death: oneOf(0, 0, 0.004, 0.02),
    mostDelayMs: oneOf(0, 0, 30, 300),
  });
  const delayMs = oneOf({ min: 0, max: 20 }, { min: 5, max: 60 }, { min: 5, max: 600 }, { min: 0, max: 3000 });
  const [deviceStore, coordinatorStore] = [storeFaults(), storeFaults()];
  const roundMs = roundTime(delayMs.max / 2, deviceStore.mostDelayMs / 2, coordinatorStore.mostDelayMs / 2);
  return {
    link: {
      ...perfectLink,
      delayMs,
      lossProbability: oneOf(0, 0, 0.004, 0.02),
      duplicateProbability: oneOf(0, 0, 0.05, 0.3),
      breakProbability: oneOf(0, 0, 0.004, 0.02),
      answerTimeoutMs: oneOf(2000, 20_000),
      silenceMs: oneOf(2000, 20_000),
    },
    roundMs,
    partitionRate: oneOf(0, 0, 0.03, 0.1),
    crashRate: oneOf(0, 0, 0.03, 0.1),
    withdrawalRate: oneOf(0, 0, 0.03),
    deathRate: oneOf(0, 0, 0, 0.3, 1),
    retirementRate: oneOf(0, 0, 0, 0.3),
    crashAtTurn: oneOf(0, 0, 0.01, 0.04),
    withdrawalAtTurn: oneOf(0, 0, 0.01, 0.04),
    deathAtStep: oneOf(0, 0, 0, 0.03, 0.15),
    deviceStore,
    coordinatorStore,
    http: { mostDelayMs: oneOf(0, 0, 200, 4000), breakProbability: oneOf(0, 0, 0.03, 0.15) },
    mostSkewMs: oneOf(0, 3000, 40_000_000),
    mostAwayMs: Math.ceil(roundMs * oneOf(0.2, 1, 5)),
    refreshSeconds: oneOf(10, 60),
    risesAtOnce: random.below(4) === 0,
    stormMs: 30_000 + random.below(60_000),
    stormRounds: oneOf(1, 1, 2, 3),
    inviteFactor: oneOf(1, 1.3),
    mostDriftPerMille: oneOf(0, 1, 30),
  };
}

/** From check-in to outcome packets travel one way seventeen times in a row; both sides write a few times besides. */
function roundTime(linkMs: number, deviceStoreMs: number, coordinatorStoreMs: number): number {
  return 300 + 17 * linkMs + 12 * deviceStoreMs + 8 * coordinatorStoreMs;
}
