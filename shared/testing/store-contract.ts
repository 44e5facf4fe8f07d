import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytes, utf8 } from '../bytes.ts';
import { ChoraleError } from '../errors.ts';
import type { Store, StoreRange } from '../ports.ts';
import { seededRandom } from './seeded-random.ts';

/** A place that holds one store, which can be opened again after it was closed. */
export type StoreMedium = {
  open(): Promise<Store>;
  remove(): Promise<void>;
};

/** What every `Store` keeps, on a medium that starts empty for each claim. */
export function storeContract(name: string, create: () => Promise<StoreMedium>): void {
  describe(`${name} as a store`, () => {
    let medium: StoreMedium;
    let store: Store;

    beforeEach(async () => {
      medium = await create();
      store = await medium.open();
    });

    afterEach(async () => {
      await store.close();
      await medium.remove();
    });

    const putAll = (keys: readonly string[]) => Promise.all(keys.map((key) => store.put(key, utf8(`value of ${key}`))));
    const keysIn = async (range: StoreRange) => (await store.range(range)).map((entry) => entry.key);
    const everything = { from: '', to: '\u{10ffff}' };

    describe('single entries', () => {
      it('gives back what was put, and nothing for other keys', async () => {
        await store.put('task/a', utf8('one'));
        expect(await store.get('task/a')).toEqual(utf8('one'));
        expect(await store.get('task/b')).toBeUndefined();
        expect(await store.get('task')).toBeUndefined();
      });

      it('keeps the last value of a key', async () => {
        await store.put('key', utf8('first'));
        await store.put('key', utf8('second'));
        expect(await store.get('key')).toEqual(utf8('second'));
      });

      it('forgets a deleted key, and deletes a missing one quietly', async () => {
        await store.put('key', utf8('value'));
        await store.delete('key');
        await store.delete('never there');
        expect(await store.get('key')).toBeUndefined();
        expect(await keysIn(everything)).toEqual([]);
      });

      it('tells an empty value from no value', async () => {
        await store.put('empty', bytes(0));
        expect(await store.get('empty')).toEqual(bytes(0));
        expect(await store.range(everything)).toEqual([{ key: 'empty', value: bytes(0) }]);
      });

      it('keeps a value of 5 MB', async () => {
        const value = seededRandom('a big value').bytes(5_000_000);
        await store.put('big', value);
        const kept = await store.get('big');
        expect(Buffer.compare(kept!, value)).toBe(0);
      });

      it('keeps every byte value', async () => {
        const value = Uint8Array.from({ length: 256 }, (_, i) => i);
        await store.put('all', value);
        expect(await store.get('all')).toEqual(value);
      });
    });

    describe('memory', () => {
      it('is not changed by a caller who changes the bytes afterwards, even before the write is done', async () => {
        const value = utf8('before');
        const pooled = Buffer.from('before');
        const writes = [store.put('put', value), store.put('pooled', pooled as unknown as typeof value)];
        writes.push(store.batch([{ do: 'put', key: 'batch', value }]));
        const isSet = store.compareAndSet('set', undefined, value);
        value.fill(0);
        pooled.fill(0);
        await Promise.all([...writes, isSet]);
        for (const key of ['put', 'pooled', 'batch', 'set']) expect(await store.get(key)).toEqual(utf8('before'));
      });

      it('is not changed by a caller who changes what was read', async () => {
        await store.put('key', utf8('value'));
        (await store.get('key'))!.fill(0);
        (await store.range(everything))[0]!.value.fill(0);
        expect(await store.get('key')).toEqual(utf8('value'));
      });

      it('gives plain byte arrays, each with a buffer of its own', async () => {
        await store.put('key', utf8('value'));
        const value = await store.get('key');
        expect(Object.getPrototypeOf(value)).toBe(Uint8Array.prototype);
        expect(value!.buffer.byteLength).toBe(5);
      });
    });

    describe('ranges', () => {
      it('hold their first key and not their last', async () => {
        await putAll(['a', 'b', 'c', 'd']);
        expect(await keysIn({ from: 'b', to: 'd' })).toEqual(['b', 'c']);
        expect(await store.range({ from: 'a', to: 'b' })).toEqual([{ key: 'a', value: utf8('value of a') }]);
      });

      it('are empty between equal or crossed ends', async () => {
        await putAll(['a', 'b', 'c']);
        expect(await keysIn({ from: 'b', to: 'b' })).toEqual([]);
        expect(await keysIn({ from: 'c', to: 'a' })).toEqual([]);
      });

      it('run in the order of the UTF-8 bytes of their keys', async () => {
        const keys = [
          '',
          'A',
          'a',
          'a/',
          'a/000000000009',
          'a/000000000010',
          'a0',
          'z',
          'é',
          '\uffff',
          '😀',
          '\u{10fffe}',
        ];
        await putAll([...keys].reverse());
        expect(await keysIn(everything)).toEqual(keys);
        expect(await keysIn({ from: '\uffff', to: '\u{10fffe}' })).toEqual(['\uffff', '😀']);
      });

      it('stop at their limit, counted from the end they start from', async () => {
        await putAll(['a', 'b', 'c', 'd']);
        expect(await keysIn({ from: 'a', to: 'd', limit: 2 })).toEqual(['a', 'b']);
        expect(await keysIn({ from: 'a', to: 'd', limit: 2, isReversed: true })).toEqual(['c', 'b']);
        expect(await keysIn({ from: 'a', to: 'd', limit: 0 })).toEqual([]);
        expect(await keysIn({ from: 'a', to: 'd', limit: 9 })).toEqual(['a', 'b', 'c']);
      });

      it('agree with a sorted list on random keys', async () => {
        const seed = 'ranges';
        const random = seededRandom(seed);
        const pieces = ['a', 'b', '/', 'é', '\ue000', '😀', '0'];
        const text = () => Array.from({ length: random.below(5) }, () => pieces[random.below(pieces.length)]).join('');
        const keys = [...new Set(Array.from({ length: 150 }, text))];
        await putAll(keys);
        const sorted = keys.sort((a, b) => Buffer.compare(utf8(a), utf8(b)));
        for (let i = 0; i < 50; i++) {
          const [from, to] = [text(), text()];
          const isBetween = (key: string) =>
            Buffer.compare(utf8(key), utf8(from)) >= 0 && Buffer.compare(utf8(key), utf8(to)) < 0;
          expect(await keysIn({ from, to }), `seed ${seed}, ${from} to ${to}`).toEqual(sorted.filter(isBetween));
        }
      });
    });

    describe('batches', () => {
      it('write all their parts, the last one of a key last', async () => {
        await store.put('old', utf8('old'));
        await store.batch([
          { do: 'put', key: 'a', value: utf8('1') },
          { do: 'put', key: 'b', value: utf8('2') },
          { do: 'delete', key: 'old' },
          { do: 'put', key: 'a', value: utf8('3') },
          { do: 'delete', key: 'b' },
        ]);
        expect(await store.range(everything)).toEqual([{ key: 'a', value: utf8('3') }]);
      });

      it('may be empty', async () => {
        await store.batch([]);
        expect(await keysIn(everything)).toEqual([]);
      });

      it('are seen whole or not at all', async () => {
        const both = (text: string) =>
          store.batch(['left', 'right'].map((key) => ({ do: 'put', key, value: utf8(text) }) as const));
        await both('0');
        const writing = Promise.all(Array.from({ length: 200 }, (_, i) => both(String(i))));
        for (let i = 0; i < 50; i++) {
          const [left, right] = await store.range(everything);
          expect(left!.value).toEqual(right!.value);
        }
        await writing;
      });
    });

    describe('concurrent writes', () => {
      it('take effect in the order in which they were asked for', async () => {
        const writes = Array.from({ length: 500 }, (_, i) => store.put(`key/${i % 7}`, utf8(String(i))));
        await Promise.all([...writes, store.delete('key/3'), store.put('key/4', utf8('last'))]);
        expect(await store.get('key/3')).toBeUndefined();
        expect(await store.get('key/4')).toEqual(utf8('last'));
        expect(await store.get('key/2')).toEqual(utf8('499'));
      });
    });

    describe('compare and set', () => {
      it('writes only where the key holds what was expected', async () => {
        expect(await store.compareAndSet('key', utf8('something'), utf8('a'))).toBe(false);
        expect(await store.get('key')).toBeUndefined();
        expect(await store.compareAndSet('key', undefined, utf8('a'))).toBe(true);
        expect(await store.compareAndSet('key', undefined, utf8('b'))).toBe(false);
        expect(await store.compareAndSet('key', utf8('ab'), utf8('b'))).toBe(false);
        expect(await store.get('key')).toEqual(utf8('a'));
        expect(await store.compareAndSet('key', utf8('a'), utf8('b'))).toBe(true);
        expect(await store.get('key')).toEqual(utf8('b'));
      });

      it('deletes where the next value is undefined', async () => {
        await store.put('key', utf8('a'));
        expect(await store.compareAndSet('key', utf8('b'), undefined)).toBe(false);
        expect(await store.compareAndSet('key', utf8('a'), undefined)).toBe(true);
        expect(await store.get('key')).toBeUndefined();
        expect(await store.compareAndSet('key', undefined, undefined)).toBe(true);
      });

      it('tells an empty value from no value', async () => {
        await store.put('key', bytes(0));
        expect(await store.compareAndSet('key', undefined, utf8('a'))).toBe(false);
        expect(await store.compareAndSet('key', bytes(0), utf8('a'))).toBe(true);
      });

      it('lets exactly one of many rivals win', async () => {
        const rivals = Array.from({ length: 300 }, (_, i) => store.compareAndSet('key', undefined, utf8(String(i))));
        const won = await Promise.all(rivals);
        expect(won.filter(Boolean)).toHaveLength(1);
        expect(await store.get('key')).toEqual(utf8(String(won.indexOf(true))));
      });

      it('sees the writes asked for before it, done or not', async () => {
        const put = store.put('key', utf8('a'));
        const first = store.compareAndSet('key', utf8('a'), utf8('b'));
        const second = store.compareAndSet('key', utf8('b'), utf8('c'));
        const stale = store.compareAndSet('key', utf8('a'), utf8('d'));
        const gone = store.delete('key');
        const last = store.compareAndSet('key', undefined, utf8('e'));
        expect(await Promise.all([first, second, stale, last])).toEqual([true, true, false, true]);
        await Promise.all([put, gone]);
        expect(await store.get('key')).toEqual(utf8('e'));
      });

      it('loses no step of a counter that many callers raise', async () => {
        const raise = async (): Promise<void> => {
          const current = await store.get('count');
          const next = (current?.[0] ?? 0) + 1;
          if (!(await store.compareAndSet('count', current, Uint8Array.of(next)))) await raise();
        };
        await Promise.all(Array.from({ length: 12 }, raise));
        expect(await store.get('count')).toEqual(Uint8Array.of(12));
      });
    });

    describe('closing', () => {
      it('keeps everything for the next time, writes still under way too', async () => {
        await store.put('done', utf8('1'));
        const writes = Array.from({ length: 250 }, (_, i) => store.put(`under way/${i}`, utf8(String(i))));
        await store.close();
        await Promise.all(writes);
        store = await medium.open();
        expect(await store.get('done')).toEqual(utf8('1'));
        expect(await keysIn({ from: 'under way/', to: 'under way0' })).toHaveLength(250);
      });

      it('refuses all work afterwards, and may be repeated', async () => {
        await store.close();
        await store.close();
        const refused = [
          store.get('key'),
          store.put('key', utf8('value')),
          store.delete('key'),
          store.range(everything),
          store.batch([]),
          store.compareAndSet('key', undefined, utf8('value')),
        ];
        for (const result of await Promise.allSettled(refused)) {
          expect(result).toMatchObject({ status: 'rejected', reason: { code: 'store-unavailable' } });
          expect(result.status === 'rejected' && result.reason).toBeInstanceOf(ChoraleError);
        }
      });
    });
  });
}
