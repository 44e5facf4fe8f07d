import { describe, expect, it } from 'vitest';
import { type Bytes, utf8 } from '../bytes.ts';
import type { StoreWrite } from '../ports.ts';
import { GroupCommit } from './group-commit.ts';

/** A medium whose writes finish when the test says so. */
function slowMedium() {
  const groups: (readonly StoreWrite[])[] = [];
  const kept = new Map<string, Bytes>();
  const syncs: { finish(): void; fail(error: Error): void }[] = [];
  const write = (writes: readonly StoreWrite[]) => {
    groups.push(writes);
    return new Promise<void>((finish, fail) => {
      const keep = () => {
        for (const each of writes) each.do === 'put' ? kept.set(each.key, each.value) : kept.delete(each.key);
        finish();
      };
      syncs.push({ finish: keep, fail });
    });
  };
  return { groups, syncs, medium: { read: async (key: string) => kept.get(key), write } };
}

const put = (key: string, value = 'value'): StoreWrite => ({ do: 'put', key, value: utf8(value) });
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('a group', () => {
  it('starts at once when nothing is under way, with all writes of the same tick', async () => {
    const { medium, groups, syncs } = slowMedium();
    const commits = new GroupCommit(medium);
    const done = Promise.all([commits.change([put('a')]), commits.change([put('b')])]);
    await Promise.resolve();
    await turn();
    expect(groups.map((group) => group.length)).toEqual([2]);
    syncs[0]!.finish();
    expect(await done).toEqual([true, true]);
  });

  it('gathers what arrives during a write, and is acknowledged only after its own', async () => {
    const { medium, groups, syncs } = slowMedium();
    const commits = new GroupCommit(medium);
    const settled: string[] = [];
    commits.change([put('first')]).then(() => settled.push('first'));
    await turn();
    for (const key of ['second', 'third']) commits.change([put(key)]).then(() => settled.push(key));
    await turn();
    expect(groups).toHaveLength(1);
    syncs[0]!.finish();
    await turn();
    expect(groups.map((group) => group.length)).toEqual([1, 2]);
    expect(settled).toEqual(['first']);
    syncs[1]!.finish();
    await turn();
    expect(settled).toEqual(['first', 'second', 'third']);
  });

  it('joins 100 records at most, but never splits one change', async () => {
    const { medium, groups, syncs } = slowMedium();
    const commits = new GroupCommit(medium);
    const large = Array.from({ length: 150 }, (_, i) => put(`large/${i}`));
    const small = Array.from({ length: 120 }, (_, i) => commits.change([put(`small/${i}`)]));
    const done = Promise.all([...small, commits.change(large), commits.change([put('last')])]);
    for (let group = 0; group < 4; group++) {
      await turn();
      syncs[group]!.finish();
    }
    await done;
    expect(groups.map((group) => group.length)).toEqual([100, 20, 150, 1]);
  });

  it('that fails rejects all its changes, and none of the next group', async () => {
    const { medium, syncs } = slowMedium();
    const commits = new GroupCommit(medium);
    const doomed = Promise.allSettled([commits.change([put('a')]), commits.change([put('b')])]);
    await turn();
    const next = commits.change([put('b', 'later')], { key: 'b', expected: undefined });
    syncs[0]!.fail(new Error('disk full'));
    expect((await doomed).map((result) => result.status)).toEqual(['rejected', 'rejected']);
    await turn();
    syncs[1]!.finish();
    expect(await next).toBe(true);
  });

  it('decides conditions on the writes before them in the same group', async () => {
    const { medium, groups, syncs } = slowMedium();
    const commits = new GroupCommit(medium);
    const done = Promise.all([
      commits.change([put('key', 'a')]),
      commits.change([put('key', 'b')], { key: 'key', expected: utf8('a') }),
      commits.change([put('key', 'c')], { key: 'key', expected: utf8('a') }),
      commits.change([{ do: 'delete', key: 'other' }], { key: 'other', expected: utf8('a') }),
    ]);
    await turn();
    syncs[0]!.finish();
    expect(await done).toEqual([true, true, false, false]);
    expect(groups).toEqual([[put('key', 'b')]]);
  });

  it('is awaited by flush, with everything queued behind it', async () => {
    const { medium, groups, syncs } = slowMedium();
    const commits = new GroupCommit(medium);
    let isFlushed = false;
    void commits.change([put('a')]);
    await turn();
    void commits.change([put('b')]);
    const flushed = commits.flush().then(() => {
      isFlushed = true;
    });
    syncs[0]!.finish();
    await turn();
    expect([groups.length, isFlushed]).toEqual([2, false]);
    syncs[1]!.finish();
    await flushed;
  });
});
