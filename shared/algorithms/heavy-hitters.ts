/**
 * What many people have, such as a search or a category, found letter by letter: a tree of prefixes that grows only where
 * enough people are (W. Zhu et al., Federated Heavy Hitters Discovery with Differential Privacy, AISTATS 2020). Every round
 * each device votes once, for the prefix that one string of its own continues; where too few vote, nothing grows, so rare
 * strings are never spelled out. Zhu et al. get their privacy from who is sampled; here votes are added up securely, and
 * noise in the sum, where there is any, raises the threshold by what it can feign.
 *
 * A count sketch takes one round, but can be asked only about strings that one already knows: it finds no new ones.
 *
 * Without noise the threshold keeps rare strings out of all that is stored and published. It does not keep the votes of
 * prefixes still in the tree from a coordinator that looks into the sum; only noise does.
 */

import * as z from 'zod/mini';
import { uniformWords } from '../encoding/draws.ts';
import { defineAlgorithm, type Summary } from './algorithm.ts';
import { noiseReach } from './noise-tail.ts';

/** Bytes by which a prefix can go on; UTF-8 text has no byte 0, which therefore ends a string. */
const branches = 256;

/** What devices can reasonably mask and send: 4 bytes each. */
const mostPrefixes = 524_288 / branches;

const prefix = z.array(z.int().check(z.minimum(1), z.maximum(255)));
const maxBytes = z._default(z.int().check(z.positive(), z.maximum(256)), 32);

const config = z.strictObject({
  /** Longest string in UTF-8; a device passes over its longer ones. */
  maxBytes,
  /** k: people who must have a string, at the least, for it to be found. */
  minPeople: z.int().check(z.minimum(2)),
  /** Prefixes that go on from a round, those with the most votes first; each adds 256 numbers to the next sum. */
  width: z._default(z.int().check(z.positive(), z.maximum(mostPrefixes)), 64),
});
const broadcast = z
  .strictObject({ maxBytes, prefixes: z.array(prefix).check(z.minLength(1), z.maxLength(mostPrefixes)) })
  .check(
    z.refine(({ prefixes, maxBytes }) => {
      const length = prefixes[0]?.length ?? 0;
      return length <= maxBytes && prefixes.every((own) => own.length === length);
    }, 'prefixes: not all of one length within the longest string'),
    z.refine(
      ({ prefixes }) => new Set(prefixes.map((own) => own.join())).size === prefixes.length,
      'prefixes: one stands there twice',
    ),
  );
const state = z.strictObject({
  config,
  round: z.int().check(z.nonnegative()),
  /** Where the tree still grows; none when it is done. */
  prefixes: z.array(prefix),
  /** Whole strings, with the votes that ended them. */
  found: z.array(z.strictObject({ text: z.string(), votes: z.number() })),
  /** Votes from which a branch counts, in the last round; 0 before the first. */
  threshold: z.number(),
});

export type HeavyHittersConfig = z.infer<typeof config>;
export type HeavyHittersBroadcast = z.infer<typeof broadcast>;
export type HeavyHittersState = z.infer<typeof state>;

/** What a device has: a text in a row of its own, as often as the person used it. */
export type TextRow = { readonly text: string };

export const heavyHitters = defineAlgorithm<
  HeavyHittersConfig,
  HeavyHittersState,
  HeavyHittersBroadcast,
  TextRow,
  'votes'
>({
  name: 'heavy-hitters/1',
  config,
  state,
  broadcast,

  init: (config) => ({ config, round: 0, prefixes: [[]], found: [], threshold: 0 }),

  publish: ({ config: { maxBytes }, prefixes }) => ({ maxBytes, prefixes }),

  // One vote per device: whole people are counted, and the sum moves by 1 at most.
  layout: ({ prefixes }) => [{ name: 'votes', length: branches * prefixes.length, clipNorm: 1 }],

  async contribute({ prefixes, maxBytes }, examples, { random }) {
    const votes = new Float32Array(branches * prefixes.length);
    const strings = examples.map(bytesOf).filter(({ length }) => length > 0 && length <= maxBytes);
    const [word] = uniformWords(random, 1);
    const own = strings[Math.floor((word! / 2 ** 32) * strings.length)];
    const at = own === undefined ? -1 : prefixes.findIndex((start) => start.every((byte, i) => byte === own[i]));
    // Beyond the last byte stands the 0 that ends a string.
    if (at >= 0) votes[branches * at + (own![prefixes[at]!.length] ?? 0)] = 1;
    return { votes };
  },

  update(state, { sums: { votes }, noiseStd }) {
    const { minPeople, width, maxBytes } = state.config;
    const threshold = minPeople + noiseReach(noiseStd.votes, { sums: votes.length, chance: strayChance });
    const grown = [...votes.keys()].filter((branch) => votes[branch]! >= threshold);
    const isEnd = (branch: number) => branch % branches === 0;
    const ended = grown.filter(isEnd).flatMap((branch) => {
      const text = textOf(state.prefixes[branch / branches]!);
      return text === undefined ? [] : [{ text, votes: votes[branch]! }];
    });
    const going = grown
      .filter((branch) => !isEnd(branch))
      .sort((a, b) => votes[b]! - votes[a]!)
      .slice(0, width)
      .map((branch) => [...state.prefixes[Math.floor(branch / branches)]!, branch % branches]);
    return {
      ...state,
      ...{ round: state.round + 1, threshold },
      prefixes: going.filter(({ length }) => length <= maxBytes),
      found: [...state.found, ...ended].sort((a, b) => b.votes - a.votes),
    };
  },

  isDone: ({ prefixes }) => prefixes.length === 0,

  summary: summarize,
});

/** Chance per round that noise alone lets any branch through that fewer than `minPeople` voted for. */
const strayChance = 0.01;

/** Spelled as most would: composed, without space around it, in small letters. Lone surrogates have no UTF-8. */
function bytesOf({ text }: TextRow): Uint8Array {
  const usual = typeof text === 'string' ? text.normalize('NFC').trim().toLowerCase() : '';
  const bytes = new TextEncoder().encode(usual);
  return /\p{Cs}/u.test(usual) || bytes.includes(0) ? new Uint8Array(0) : bytes;
}

/** @returns undefined for bytes that are no text: only noise or a device that lies can have ended them */
function textOf(bytes: readonly number[]): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
  } catch {
    return undefined;
  }
}

/** The strings found are figures too: those that so many people have are nobody's own. */
function summarize({ round, prefixes, found, threshold }: HeavyHittersState): Summary {
  const figures = found.map(({ text, votes }) => [`votes for ${text}`, votes] as const);
  return { round, threshold, growing: prefixes.length, found: found.length, ...Object.fromEntries(figures) };
}
