/** Sets of ring places on the wire (bitmaps), and the rule that survivors are spread over the whole ring. */

import { type Bytes, bytes } from '../bytes.ts';
import { invariant } from '../errors.ts';

/**
 * One bit per place: place p is bit p mod 8, from the least significant, of byte ⌊p/8⌋; padding is zero.
 *
 * @throws invariant if a place is not below `length`
 */
export function encodeBitmap(places: Iterable<number>, length: number): Bytes {
  const bitmap = bytes(Math.ceil(length / 8));
  for (const place of places) {
    invariant(Number.isInteger(place) && place >= 0 && place < length, 'a place outside the bitmap');
    bitmap[place >> 3]! |= 1 << (place & 7);
  }
  return bitmap;
}

/** @returns the places in ascending order, or undefined where the length is wrong or padding is not zero */
export function decodeBitmap(bitmap: Uint8Array, length: number): ReadonlySet<number> | undefined {
  if (bitmap.length !== Math.ceil(length / 8)) return undefined;
  const places = new Set<number>();
  for (let place = 0; place < 8 * bitmap.length; place++) {
    if ((bitmap[place >> 3]! & (1 << (place & 7))) === 0) continue;
    if (place >= length) return undefined;
    places.add(place);
  }
  return places;
}

/**
 * The fewest survivors in any k/2 consecutive places of the ring. While every window holds more survivors than corrupt
 * devices, honest survivors are never further apart than k/2, so they stay connected.
 *
 * @param neighbours k, even: a complete graph has no windows
 */
export function weakestWindow(survivors: ReadonlySet<number>, devices: number, neighbours: number): number {
  invariant(neighbours % 2 === 0 && neighbours >= 2 && neighbours < devices, 'windows need an even neighbour count');
  const width = neighbours / 2;
  let inside = 0;
  for (let place = 0; place < width; place++) if (survivors.has(place)) inside++;
  let weakest = inside;
  for (let start = 1; start < devices; start++) {
    if (survivors.has(start - 1)) inside--;
    if (survivors.has((start + width - 1) % devices)) inside++;
    weakest = Math.min(weakest, inside);
  }
  return weakest;
}
