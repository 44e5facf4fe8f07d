/** Group commit: changes that arrive while the medium is busy share its next synced write. */

import { type Bytes, equal } from '../bytes.ts';
import type { StoreWrite } from '../ports.ts';

export interface Medium {
  read(key: string): Promise<Bytes | undefined>;
  /** Writes all or nothing, and resolves once the writes are durable. */
  write(writes: readonly StoreWrite[]): Promise<void>;
  /** Keeps other processes' changes out while `work` reads and writes. */
  exclusively?(work: () => Promise<void>): Promise<void>;
}

type Condition = { readonly key: string; readonly expected: Bytes | undefined };

type Change = {
  readonly writes: readonly StoreWrite[];
  readonly condition: Condition | undefined;
  readonly settle: (isWritten: boolean) => void;
  readonly fail: (error: unknown) => void;
};

/**
 * The single writer of a medium. A change made while nothing is under way is written at once, together with the others
 * of the same tick; one made during a write joins the next group, so nobody ever waits for a timer.
 */
export class GroupCommit {
  readonly #medium: Medium;
  readonly #groupRecords: number;
  #waiting: Change[] = [];
  #work: Promise<void> | undefined;

  /** @param groupRecords writes that one group may join; a single larger change still stays whole */
  constructor(medium: Medium, groupRecords = 100) {
    this.#medium = medium;
    this.#groupRecords = groupRecords;
  }

  /**
   * Queues writes that are made together, or not at all where the condition fails by then.
   *
   * @returns whether they were written, once that is durable
   */
  change(writes: readonly StoreWrite[], condition?: Condition): Promise<boolean> {
    return new Promise((settle, fail) => {
      this.#waiting.push({ writes, condition, settle, fail });
      this.#work ??= this.#commitAll();
    });
  }

  /** Resolves when every change made so far is settled. */
  async flush(): Promise<void> {
    await this.#work;
  }

  async #commitAll(): Promise<void> {
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#commit(this.#takeGroup());
    this.#work = undefined;
  }

  #takeGroup(): readonly Change[] {
    let records = 0;
    const tooMany = this.#waiting.findIndex((change, i) => {
      records += change.writes.length;
      return i > 0 && records > this.#groupRecords;
    });
    return this.#waiting.splice(0, tooMany < 0 ? this.#waiting.length : tooMany);
  }

  async #commit(group: readonly Change[]): Promise<void> {
    const run = this.#medium.exclusively?.bind(this.#medium) ?? ((work) => work());
    try {
      let isWritten: readonly boolean[] = [];
      await run(async () => {
        isWritten = await this.#write(group);
      });
      group.forEach((change, i) => {
        change.settle(isWritten[i]!);
      });
    } catch (error) {
      for (const change of group) change.fail(error);
    }
  }

  /** Decides each condition on what the changes before it leave behind, then writes only the last state of each key. */
  async #write(group: readonly Change[]): Promise<readonly boolean[]> {
    const last = new Map<string, StoreWrite>();
    const isWritten: boolean[] = [];
    for (const { writes, condition } of group) {
      const holds = condition === undefined || isSame(await this.#current(condition.key, last), condition.expected);
      if (holds) for (const write of writes) last.set(write.key, write);
      isWritten.push(holds);
    }
    if (last.size > 0) await this.#medium.write([...last.values()]);
    return isWritten;
  }

  async #current(key: string, last: ReadonlyMap<string, StoreWrite>): Promise<Bytes | undefined> {
    const write = last.get(key);
    if (write === undefined) return this.#medium.read(key);
    return write.do === 'put' ? write.value : undefined;
  }
}

function isSame(a: Bytes | undefined, b: Bytes | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equal(a, b);
}
