/** What an app can listen to, and the one place that calls listeners. */

import type { ChoraleError, Unsubscribe } from '@chorale/shared';

export type Listener<Notice> = (notice: Notice) => void;

/** Typed listeners by name. A listener that throws harms neither the others nor the caller. */
export class Announcer<Names extends { error: ChoraleError }> {
  readonly #listeners = new Map<keyof Names, Set<(notice: never) => void>>();
  #isClosed = false;

  on<Name extends keyof Names>(name: Name, listener: Listener<Names[Name]>): Unsubscribe {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  announce<Name extends keyof Names>(name: Name, notice: Names[Name]): void {
    if (this.#isClosed) return;
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as Listener<Names[Name]>)(notice);
      } catch {
        // The app's own defect: it must not stop a round or a page.
      }
    }
  }

  /** Nobody is told anything from now on. */
  close(): void {
    this.#isClosed = true;
    this.#listeners.clear();
  }
}
