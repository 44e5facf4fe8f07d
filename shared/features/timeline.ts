/**
 * Entries in the order of time, with what is known after each of them: whatever holds before an instant is one look-up, and
 * a count over a window the difference of two. An entry that arrives in order costs O(1), a late one what came after it.
 */

import type { Instant } from '../ports.ts';

/** What was known just before an instant. */
export type Past<State> = { before(cut: Instant): State };

export type TimelineRules<Entry, State> = {
  /** What is known before the first entry. */
  readonly start: State;
  /** What is known after one more; gives a new value and leaves the old one as it is. */
  readonly step: (state: State, entry: Entry) => State;
  /** A total order that begins with time and tells apart whatever `step` tells apart, so that arrival never decides. */
  readonly compare: (a: Entry, b: Entry) => number;
};

export class Timeline<Entry extends { readonly at: Instant }, State> implements Past<State> {
  readonly #rules: TimelineRules<Entry, State>;
  readonly #entries: Entry[] = [];
  /** States after each entry, for as many entries as are still valid. */
  readonly #states: State[] = [];

  constructor(rules: TimelineRules<Entry, State>) {
    this.#rules = rules;
  }

  insert(entry: Entry): void {
    const last = this.#entries.at(-1);
    if (last === undefined || this.#rules.compare(last, entry) <= 0) {
      this.#entries.push(entry);
      return;
    }
    const index = this.#countWhere((one) => this.#rules.compare(one, entry) <= 0);
    this.#entries.splice(index, 0, entry);
    this.#forgetStatesFrom(index);
  }

  /** @param entry the very one that was inserted */
  remove(entry: Entry): void {
    const index = this.#entries.indexOf(entry);
    this.#entries.splice(index, 1);
    this.#forgetStatesFrom(index);
  }

  /** The state over everything strictly before `cut`. */
  before(cut: Instant): State {
    const count = this.#countWhere(({ at }) => at < cut);
    while (this.#states.length < count) {
      const state = this.#states.at(-1) ?? this.#rules.start;
      this.#states.push(this.#rules.step(state, this.#entries[this.#states.length]!));
    }
    return this.#states[count - 1] ?? this.#rules.start;
  }

  #forgetStatesFrom(index: number): void {
    this.#states.length = Math.min(this.#states.length, index);
  }

  /** How many entries `holds` is true of: of the first ones, and of none after them. */
  #countWhere(holds: (entry: Entry) => boolean): number {
    let [low, high] = [0, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (holds(this.#entries[middle]!)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The same past to somebody who learned nothing from `knownUntil` on. */
export function pastUntil<State>(past: Past<State>, knownUntil: Instant): Past<State> {
  return { before: (cut) => past.before(Math.min(cut, knownUntil)) };
}
