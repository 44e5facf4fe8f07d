import { describe, expect, it } from 'vitest';
import { algorithmRound } from '../testing/algorithm-round.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { toJson } from './algorithm.ts';
import { type HeavyHittersState, heavyHitters, type TextRow } from './heavy-hitters.ts';

const configOf = (more: object = {}) => heavyHitters.config.parse({ minPeople: 5, maxBytes: 12, ...more });

/** Everybody has one string, and so many people have each. */
const having = (counts: Readonly<Record<string, number>>): TextRow[][] =>
  Object.entries(counts).flatMap(([text, count]) => Array.from({ length: count }, () => [{ text }]));

type Options = { readonly seed: number; readonly noise?: { numerator: number; denominator: number }; more?: object };

/** @returns every state on the way */
async function grown(devices: readonly TextRow[][], { seed, noise, more }: Options): Promise<HeavyHittersState[]> {
  const states = [heavyHitters.init(configOf(more), seededRandom(seed))];
  while (!heavyHitters.isDone(states.at(-1)!)) {
    // Through JSON, as between two rounds of a coordinator.
    const stored = JSON.parse(JSON.stringify(toJson(heavyHitters.state, states.at(-1)!)));
    const round = { seed: `${seed}, ${states.length}`, ...(noise && { noise }) };
    states.push(await algorithmRound(heavyHitters, heavyHitters.state.parse(stored), devices, round));
  }
  return states;
}

const foundIn = (states: readonly HeavyHittersState[]) =>
  Object.fromEntries(states.at(-1)!.found.map(({ text, votes }) => [text, votes]));

describe('heavy hitters', () => {
  it('are exactly the strings that enough people have, with how many', async () => {
    for (const seed of [1, 2, 3]) {
      const random = seededRandom(seed);
      const counts: Record<string, number> = {};
      for (let i = 0; i < 90; i++) {
        const length = 1 + random.below(4);
        const text = Array.from({ length }, () => 'abß'[random.below(3)]!).join('');
        counts[text] = (counts[text] ?? 0) + random.below(5);
      }
      const expected = Object.fromEntries(Object.entries(counts).filter(([, count]) => count >= 5));
      expect(Object.keys(expected).length, `seed ${seed}`).toBeGreaterThan(3);
      expect(foundIn(await grown(having(counts), { seed })), `seed ${seed}`).toEqual(expected);
    }
  });

  it('never spell out what few have: not in any state, at any round', async () => {
    const secret = 'my secret';
    const people = having({ shoes: 30, shirts: 12, [secret]: 4, shirtless: 4 });
    const states = await grown(people, { seed: 4 });
    expect(foundIn(states)).toEqual({ shoes: 30, shirts: 12 });
    const spelled = states.flatMap(({ prefixes }) => prefixes.map((bytes) => String.fromCharCode(...bytes)));
    // What leads to a rare string is there only as long as enough others share it.
    for (const prefix of spelled) {
      const sharing = people.filter(([row]) => row!.text.startsWith(prefix)).length;
      expect(sharing, prefix).toBeGreaterThanOrEqual(5);
    }
    expect(spelled.some((prefix) => prefix.startsWith('m'))).toBe(false);
    expect(spelled).toContain('shirts');
  });

  it('stay hidden under noise too, where the threshold follows the noise', async () => {
    const noise = { numerator: 2, denominator: 1 };
    let strays = 0;
    for (let seed = 10; seed < 20; seed++) {
      const states = await grown(having({ tea: 80, coffee: 60, poison: 4 }), { seed, noise });
      const found = Object.keys(foundIn(states));
      expect(found, `seed ${seed}`).toEqual(expect.arrayContaining(['tea', 'coffee']));
      // Of 256 sums or more, noise of standard deviation 2 reaches 9.
      expect(Math.min(...states.slice(1).map(({ threshold }) => threshold))).toBeGreaterThan(5 + 9);
      if (found.length > 2 || states.some(({ prefixes }) => prefixes.some(([first]) => first === 0x70))) strays += 1;
    }
    // Some 7 rounds at 1 in 100 each: of 10 runs, more than three once in 200 times.
    expect(strays).toBeLessThanOrEqual(3);
  });

  it('are people, not uses: who has much votes once', async () => {
    const often = new Array(40).fill({ text: 'mine' });
    const states = await grown([often, ...having({ ours: 6 })], { seed: 5 });
    expect(foundIn(states)).toEqual({ ours: 6 });
    const broadcast = heavyHitters.publish(states[0]!);
    const tools = { trainer: undefined as never, random: seededRandom(6), signal: new AbortController().signal };
    const { votes } = await heavyHitters.contribute(broadcast, often, tools);
    expect(votes.reduce((sum, vote) => sum + vote, 0)).toBe(1);
    expect(heavyHitters.layout(broadcast)[0]!.clipNorm).toBe(1);
  });

  it('are the same however people write them, in any script', async () => {
    const spelt = [' Café', 'cafe\u0301', 'CAFÉ ', 'café', 'café', 'お茶', 'お茶', 'お茶', 'お茶', 'お茶'];
    expect(
      foundIn(
        await grown(
          spelt.map((text) => [{ text }]),
          { seed: 7 },
        ),
      ),
    ).toEqual({ café: 5, お茶: 5 });
  });

  it('pass over what is too long, empty, or no text', async () => {
    const rows = ['', '   ', 'thirteen byte', '\ud800', 'a\0b', undefined, 7].map((text) => [{ text } as TextRow]);
    const states = await grown(
      [...rows.flatMap((row) => new Array<TextRow[]>(6).fill(row)), ...having({ ok: 5 }), []],
      {
        seed: 8,
      },
    );
    expect(foundIn(states)).toEqual({ ok: 5 });
    expect(foundIn(await grown(having({ twelve_bytes: 5 }), { seed: 8 }))).toEqual({ twelve_bytes: 5 });
  });

  it('are those with the most votes where the tree may not grow wider', async () => {
    const states = await grown(having({ a: 6, b: 9, c: 8, d: 7 }), { seed: 9, more: { width: 2 } });
    expect(foundIn(states)).toEqual({ b: 9, c: 8 });
  });

  it('refuse a tree that is none: a coordinator cannot ask for one prefix twice, nor beyond the longest string', () => {
    const fits = (prefixes: number[][]) => heavyHitters.broadcast.safeParse({ maxBytes: 2, prefixes }).success;
    expect(fits([[97], [98]])).toBe(true);
    expect([fits([]), fits([[97], [97]]), fits([[97], [97, 98]]), fits([[97, 98, 99]]), fits([[0]])]).toEqual(
      new Array(5).fill(false),
    );
  });
});
