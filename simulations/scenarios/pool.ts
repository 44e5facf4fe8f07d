/**
 * Devices that may each take part so often and no oftener. A cohort is drawn as a coordinator draws it from those who
 * wait: each set of devices that have a participation left is equally likely.
 */

import { ChoraleError } from '@chorale/shared';
import { add, type Fraction, isMore, zero } from '@chorale/shared/privacy';
import type { SeededRandom } from '@chorale/shared/testing';

export class Pool {
  readonly #random: SeededRandom;
  readonly #spent: { participations: number; rho: Fraction }[];

  constructor(devices: number, random: SeededRandom) {
    this.#random = random;
    this.#spent = Array.from({ length: devices }, () => ({ participations: 0, rho: zero }));
  }

  /**
   * Draws `cohort` devices that have taken part less than `most` times, and counts this time.
   *
   * @throws ChoraleError `budget-exhausted` where fewer are left: a smaller cohort would have less noise
   */
  draw(cohort: number, most: number): number[] {
    const left = [...this.#spent.keys()].filter((device) => this.#spent[device]!.participations < most);
    if (left.length < cohort)
      throw new ChoraleError('budget-exhausted', `${left.length} devices have a participation left, not ${cohort}`);
    const drawn = this.#random.shuffle(left).slice(0, cohort);
    for (const device of drawn) this.#spent[device]!.participations++;
    return drawn;
  }

  /** Adds to the accounts of devices what a round has cost each of them. */
  charge(devices: readonly number[], rho: Fraction): void {
    for (const device of devices) this.#spent[device]!.rho = add(this.#spent[device]!.rho, rho);
  }

  /** What the device with most has spent. */
  mostSpent(): { readonly participations: number; readonly rho: Fraction } {
    return this.#spent.reduce((most, one) => ({
      participations: Math.max(most.participations, one.participations),
      rho: isMore(one.rho, most.rho) ? one.rho : most.rho,
    }));
  }
}
