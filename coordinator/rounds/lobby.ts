/** Devices that wait for a task's next round, and since when they are enough. */

import type { DeviceId, Instant } from '@chorale/shared';
import type { Candidate } from './selection.ts';

export type Wish = {
  /** Devices to invite, if there are so many. */
  readonly plenty: number;
  /** Fewer cannot form a cohort. */
  readonly enough: number;
};

export class Lobby {
  readonly #waiting = new Map<DeviceId, Candidate>();
  readonly #wish: Wish;
  #plentySince: Instant | undefined;
  #enoughSince: Instant | undefined;

  constructor(wish: Wish) {
    this.#wish = wish;
  }

  get size(): number {
    return this.#waiting.size;
  }

  get plentySince(): Instant | undefined {
    return this.#plentySince;
  }

  get enoughSince(): Instant | undefined {
    return this.#enoughSince;
  }

  get candidates(): readonly Candidate[] {
    return [...this.#waiting.values()];
  }

  has(device: DeviceId): boolean {
    return this.#waiting.has(device);
  }

  enter(candidate: Candidate, now: Instant): void {
    this.#waiting.set(candidate.device, candidate);
    this.#count(now);
  }

  leave(devices: Iterable<DeviceId>, now: Instant): void {
    for (const device of devices) this.#waiting.delete(device);
    this.#count(now);
  }

  #count(now: Instant): void {
    this.#plentySince = this.size >= this.#wish.plenty ? (this.#plentySince ?? now) : undefined;
    this.#enoughSince = this.size >= this.#wish.enough ? (this.#enoughSince ?? now) : undefined;
  }
}
