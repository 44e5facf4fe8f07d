/** Work that must not overlap, one name at a time: read, decide, write. */

export class Queue {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs after everything queued before under the same name, whether that failed or not. */
  run<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#last.get(name) ?? Promise.resolve();
    const result = before.then(work, work);
    const settled = result.catch(() => undefined);
    this.#last.set(name, settled);
    void settled.then(() => {
      if (this.#last.get(name) === settled) this.#last.delete(name);
    });
    return result;
  }
}
