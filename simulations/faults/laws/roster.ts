/** Where each device of a cohort sits, worked out anew from the roster that went over the network. */

import { type Bytes, type DeviceId, deviceIdFromBytes, tag } from '@chorale/shared';
import { sha256 } from '@chorale/shared/crypto';
import {
  advertisementBytes,
  decodeHeader,
  headerBytes,
  neighbourPlaces,
  ringOrder,
  signatureBytes,
} from '@chorale/shared/secagg';

export type RosterPlaces = {
  /** By place. */
  readonly ids: readonly DeviceId[];
  /** Places of a device's neighbours, ascending; undefined for a device that is not on the roster. */
  neighboursOf(device: DeviceId): readonly number[] | undefined;
};

/** @param body of a roster packet: header, its signature, advertisements that begin with 16 bytes of device id */
export function readRoster(body: Bytes): RosterPlaces {
  const header = body.slice(0, headerBytes);
  const { planHash, devices, neighbours } = decodeHeader(header);
  const advertisements = body.subarray(headerBytes + signatureBytes);
  const listed = Array.from({ length: devices }, (_, i) =>
    advertisements.slice(i * advertisementBytes, i * advertisementBytes + 16),
  );
  const ctx = sha256(tag('chorale/secagg/ctx/v1'), planHash, sha256(header));
  const { places } = ringOrder(listed, ctx);
  const ids = places.map((index) => deviceIdFromBytes(listed[index]!));
  return {
    ids,
    neighboursOf(device) {
      const place = ids.indexOf(device);
      return place < 0 ? undefined : neighbourPlaces(place, devices, neighbours);
    },
  };
}
