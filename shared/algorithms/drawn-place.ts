/** Where a device falls by its own draw, the same each time it asks and unforeseeable to anybody else. */

import { type Bytes, concat, tag, utf8 } from '../bytes.ts';
import { hkdf } from '../crypto/index.ts';

/**
 * @param secret 32 bytes that never leave the device: with them unknown, a coordinator that chooses the label cannot steer
 * @param label what is drawn for, such as an experiment's name
 * @returns uniform in [0, 1), independent for each label
 */
export function drawnPlace(secret: Bytes, label: string): number {
  const draw = hkdf(secret, utf8(''), concat(tag('chorale/place/v1'), utf8(label)), 8);
  const view = new DataView(draw.buffer, draw.byteOffset, draw.byteLength);
  return (view.getUint32(0, true) * 2 ** 20 + (view.getUint32(4, true) >>> 12)) / 2 ** 52;
}

/** A device's own draw for a label, in [0, 1): `drawnPlace` by a secret that stays where it is. */
export type PlaceOf = (label: string) => number;

/**
 * The arm of the device in an experiment.
 *
 * @param placeOf the device's own draw
 * @param shares meant for each arm; they add up to 1
 * @returns the place of the arm in `shares`
 */
export function drawnArm(placeOf: PlaceOf, experiment: string, shares: readonly number[]): number {
  let left = placeOf(`arm of ${experiment}`);
  for (const [arm, share] of shares.entries()) {
    if (left < share) return arm;
    left -= share;
  }
  return shares.length - 1;
}
