/** The ways in which a text or a number might be written down. */

import { base64url, bytes, concat, utf8, wordsToBytes } from '@chorale/shared';
import { shortestNeedle } from './search.ts';

export type Form = { readonly form: string; readonly bytes: Uint8Array };

export function formsOfText(text: string): Form[] {
  return [{ form: 'text', bytes: utf8(text) }].filter(isDistinctive);
}

/**
 * Each number by itself where that is long enough to be recognised, and each with its neighbour.
 *
 * @param scales factors that turn the numbers into whole ones, as in cents
 */
export function formsOfNumbers(numbers: Iterable<number>, scales: readonly number[] = [1]): Form[] {
  const list = [...numbers];
  const singles = list.flatMap((value) => [
    { form: 'JSON', bytes: utf8(JSON.stringify(value)) },
    { form: 'float64', bytes: littleEndian(8, [value], (view, at, number) => view.setFloat64(at, number, true)) },
    ...(Number.isSafeInteger(value) ? [{ form: 'int64', bytes: int64(value) }] : []),
  ]);
  const pairs = pairsOf(list).flatMap((pair) => [
    { form: 'JSON pair', bytes: utf8(pair.map((value) => JSON.stringify(value)).join(',')) },
    { form: 'float32 pair', bytes: littleEndian(4, pair, (view, at, number) => view.setFloat32(at, number, true)) },
    ...scales.map((scale) => ({
      form: `int32 pair × ${scale}`,
      bytes: littleEndian(4, pair, (view, at, number) => view.setInt32(at, Math.round(number * scale), true)),
    })),
  ]);
  return [...singles, ...pairs].filter(isDistinctive);
}

/** Each word mod 2^32 with its neighbour, and all of them from the first to the last that is not zero. */
export function formsOfWords(words: Uint32Array): Form[] {
  const texts = [...pairsOf([...words]), ...pairsOf([...Int32Array.from(words)])].map((pair) => pair.join(','));
  const pairs = [
    ...pairsOf([...words]).map((pair) => ({ form: 'word pair', bytes: wordsToBytes(Uint32Array.from(pair)) })),
    ...[...new Set(texts)].map((text) => ({ form: 'JSON word pair', bytes: utf8(text) })),
  ];
  return [...pairs.filter(isDistinctive), ...wholeOf(words)];
}

/** A sparse vector has no telling pairs, but three words and the zeros between them are nobody else's. */
function wholeOf(words: Uint32Array): Form[] {
  const isTold = (word: number) => word !== 0;
  if (words.filter(isTold).length < 3) return [];
  const told = words.subarray(words.findIndex(isTold), words.findLastIndex(isTold) + 1);
  return [{ form: 'words', bytes: wordsToBytes(told) }];
}

/** A form as it is, and as the part of a longer base64 text that it alone decides, wherever it begins there. */
export function encodingsOf({ form, bytes: plain }: Form): Form[] {
  const inBase64 = [0, 1, 2].flatMap((shift) => {
    const url = base64Within(plain, shift);
    const standard = url.replaceAll('-', '+').replaceAll('_', '/');
    return url === standard ? [url] : [url, standard];
  });
  return [{ form, bytes: plain }, ...inBase64.map((text) => ({ form: `${form} in base64`, bytes: utf8(text) }))];
}

/** @param shift bytes that come before, mod 3 */
function base64Within(plain: Uint8Array, shift: number): string {
  const text = base64url(concat(bytes(shift), plain));
  return text.slice(Math.ceil((8 * shift) / 6), Math.floor((8 * (shift + plain.length)) / 6));
}

/** Long enough, and not mostly one byte: zeros and small counts stand everywhere. */
function isDistinctive({ bytes: plain }: Form): boolean {
  return plain.length >= shortestNeedle && new Set(plain).size >= 5;
}

function pairsOf(numbers: readonly number[]): (readonly [number, number])[] {
  return numbers.slice(1).map((number, i) => [numbers[i]!, number]);
}

function littleEndian(
  size: 4 | 8,
  numbers: readonly number[],
  set: (view: DataView, at: number, number: number) => void,
): Uint8Array {
  const written = bytes(size * numbers.length);
  const view = new DataView(written.buffer);
  numbers.forEach((number, i) => {
    set(view, size * i, number);
  });
  return written;
}

function int64(value: number): Uint8Array {
  const written = bytes(8);
  new DataView(written.buffer).setBigInt64(0, BigInt(value), true);
  return written;
}
