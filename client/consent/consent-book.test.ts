import { ChoraleError, type Store } from '@chorale/shared';
import { MemoryDisk, memoryStore } from '@chorale/shared/adapters/node';
import { virtualClock } from '@chorale/shared/testing';
import { describe, expect, it } from 'vitest';
import { ConsentBook } from './consent-book.ts';

function visit(disk: MemoryDisk, now: number, store: Store = memoryStore({ disk })): ConsentBook {
  const options = { undecided: 'unknown', isRefusedBySignal: () => false } as const;
  return new ConsentBook(options, { clock: virtualClock(now), store: async () => store });
}

const purposes = ['training'] as const;

describe('a decision', () => {
  it.each([
    ['loaded', true],
    ['not loaded yet', false],
  ])('is the last word, although the clock was set back since an earlier visit that is %s', async (_, isLoaded) => {
    const disk = new MemoryDisk();
    await visit(disk, 1_000_000).decide(purposes, 'granted');
    const book = visit(disk, 5000);
    if (isLoaded) await book.load();
    const written = book.decide(purposes, 'withdrawn');
    expect(book.allows('training')).toBe(false);
    await written;
    expect(book.allows('training')).toBe(false);
    const next = visit(disk, 2_000_000);
    await next.load();
    expect(next.states().training).toBe('withdrawn');
    expect(next.refusalOf('training')).toEqual(await written);
  });

  it('taken at the same moment as others keeps its place among them, while they are written and afterwards', async () => {
    const disk = new MemoryDisk();
    await visit(disk, 1_000_000).decide(purposes, 'granted');
    const book = visit(disk, 5000);
    const all = (['withdrawn', 'granted', 'denied'] as const).map((choice) => book.decide(purposes, choice));
    for (const one of all) {
      expect(book.states().training).toBe('denied');
      await one;
    }
    const next = visit(disk, 2_000_000);
    await next.load();
    expect(next.states().training).toBe('denied');
  });

  it('that the store has refused counts, and is written when the store takes it', async () => {
    const disk = new MemoryDisk();
    await visit(disk, 1000).decide(purposes, 'granted');
    let refuses = true;
    const book = visit(disk, 2000, memoryStore({ disk, refuses: (operation) => refuses && operation !== 'range' }));
    await expect(book.decide(purposes, 'withdrawn')).rejects.toThrow(ChoraleError);
    expect(book.allows('training')).toBe(false);
    refuses = false;
    await book.settle();
    const next = visit(disk, 3000);
    await next.load();
    expect(next.states().training).toBe('withdrawn');
  });
});
