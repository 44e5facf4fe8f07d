/** Who is in which cohort and where each sits in it, worked out anew from the rosters that went over the network. */

import { type Bytes, type DeviceId, deviceIdFromBytes, type Packet, tag } from '@chorale/shared';
import { sha256 } from '@chorale/shared/crypto';
import {
  advertisementBytes,
  decodeHeader,
  headerBytes,
  neighbourPlaces,
  ringOrder,
  signatureBytes,
} from '@chorale/shared/secagg';
import type { Ends } from '../../world/seen.ts';
import { roundOf } from './law.ts';

export type RosterPlaces = {
  /** Of the cohort, in its round. */
  readonly number: number;
  /** By place. */
  readonly ids: readonly DeviceId[];
  /** Places of a device's neighbours, ascending; undefined for a device that is not on the roster. */
  neighboursOf(device: DeviceId): readonly number[] | undefined;
};

/** In which cohort each device of each round was told that it is. */
export class CohortBook {
  readonly #rosters = new Map<string, RosterPlaces>();
  readonly #cohorts = new Map<string, RosterPlaces>();

  /** Notes a packet, if it is a roster. */
  read(ends: Ends, packet: Packet): void {
    if (packet.name !== 'roster' || packet.body === undefined) return;
    const { cohort } = decodeHeader(packet.body.slice(0, headerBytes));
    const name = `${ends.task} ${roundOf(packet)} ${cohort}`;
    // All of a cohort are told the same, to which another law holds the coordinator.
    const roster = this.#rosters.get(name) ?? readRoster(packet.body);
    this.#rosters.set(name, roster);
    this.#cohorts.set(`${ends.task} ${roundOf(packet)} ${ends.device}`, roster);
  }

  /** The cohort to which what a device says or is told belongs; undefined before its roster. */
  of({ task, device }: Ends, packet: Packet): RosterPlaces | undefined {
    return this.#cohorts.get(`${task} ${roundOf(packet)} ${device}`);
  }
}

/** @param body of a roster packet: header, its signature, a roll of hashes, advertisements that begin with a device id */
export function readRoster(body: Bytes): RosterPlaces {
  const header = body.slice(0, headerBytes);
  const { planHash, cohort, cohortCount, roundDevices, devices, neighbours } = decodeHeader(header);
  const rollBytes = cohortCount === 1 ? 0 : 32 * roundDevices;
  const advertisements = body.subarray(headerBytes + signatureBytes + rollBytes);
  const listed = Array.from({ length: devices }, (_, i) =>
    advertisements.slice(i * advertisementBytes, i * advertisementBytes + 16),
  );
  const ctx = sha256(tag('chorale/secagg/ctx/v1'), planHash, sha256(header));
  const { places } = ringOrder(listed, ctx);
  const ids = places.map((index) => deviceIdFromBytes(listed[index]!));
  return {
    number: cohort,
    ids,
    neighboursOf(device) {
      const place = ids.indexOf(device);
      return place < 0 ? undefined : neighbourPlaces(place, devices, neighbours);
    },
  };
}
