/** Roster header H: the signed numbers under which one cohort runs. */

import { type Bytes, bytes, concat, tag, u32, u64 } from '../bytes.ts';
import { Reader } from './reader.ts';

export type RosterHeader = {
  /** H(D). */
  readonly planHash: Bytes;
  readonly cohort: number;
  /** G, N and roundRoot of the verifiable assignment; 1, n and zeros for a single cohort. */
  readonly cohortCount: number;
  readonly roundDevices: number;
  readonly roundRoot: Bytes;
  /** n */
  readonly devices: number;
  /** k: even, or n − 1 for the complete graph. */
  readonly neighbours: number;
  /** t: shares needed to reconstruct. */
  readonly threshold: number;
  /** s: survivors needed in every window of k/2 ring places; 0 ⇔ complete graph. */
  readonly windowSurvivors: number;
  /** m and T: committee size and signatures needed. */
  readonly committee: number;
  readonly committeeThreshold: number;
  readonly minSurvivors: number;
  /** σ_c²: variance of the noise each device adds, in grid steps squared; 0 unless noise is distributed. */
  readonly noiseVariance: bigint;
  readonly rosterRoot: Bytes;
};

export const headerBytes = 194;

const headerTag = tag('chorale/roster/v1');
/** Reserved for a public random value; zeros in this version. */
const beaconBytes = 32;

/** H. @throws RangeError where a field does not fit */
export function encodeHeader(header: RosterHeader): Bytes {
  return concat(
    headerTag,
    header.planHash,
    u32(header.cohort),
    u32(header.cohortCount),
    u32(header.roundDevices),
    header.roundRoot,
    u32(header.devices),
    u32(header.neighbours),
    u32(header.threshold),
    u32(header.windowSurvivors),
    u32(header.committee),
    u32(header.committeeThreshold),
    u32(header.minSurvivors),
    u64(header.noiseVariance),
    header.rosterRoot,
    bytes(beaconBytes),
  );
}

/** @throws ChoraleError `invalid-input` unless these are 194 bytes of this version without a beacon */
export function decodeHeader(value: Uint8Array): RosterHeader {
  const reader = new Reader(value, 'roster header');
  reader.expect(headerTag);
  const header: RosterHeader = {
    planHash: reader.take(32),
    cohort: reader.u32(),
    cohortCount: reader.u32(),
    roundDevices: reader.u32(),
    roundRoot: reader.take(32),
    devices: reader.u32(),
    neighbours: reader.u32(),
    threshold: reader.u32(),
    windowSurvivors: reader.u32(),
    committee: reader.u32(),
    committeeThreshold: reader.u32(),
    minSurvivors: reader.u32(),
    noiseVariance: reader.u64(),
    rosterRoot: reader.take(32),
  };
  reader.expectZeros(beaconBytes);
  reader.end();
  return header;
}

/** What the plan key signs. */
export function headerText(header: Uint8Array): Bytes {
  return concat(tag('chorale/sign/roster'), header);
}
