/** Roster header H: the signed numbers under which one cohort runs. */

import type { Bytes } from '../bytes.ts';

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
