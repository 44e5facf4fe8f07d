/** A coordinator that would choose itself who is with whom: rolls of its own making and rosters to go with them. */

import type { Bytes } from '../bytes.ts';
import { compare } from '../bytes.ts';
import { type CryptoProvider, sha256 } from '../crypto/index.ts';
import { cohortsFrom, drawingTexts, type Roll, roundRootOf } from '../secagg/assignment.ts';
import { rollEntry } from '../secagg/context.ts';
import type { RosterHeader } from '../secagg/header.ts';
import type { DownMessage } from '../secagg/messages.ts';
import { chooseParameters } from '../secagg/parameters.ts';
import { type Advertisement, planHashOf } from '../secagg/roster.ts';
import { forgeRoster, inOrder } from './secagg-adversary.ts';
import type { Lab } from './secagg-lab.ts';

export type Draw = {
  readonly roll: Roll;
  /** By cohort: what the roll says of who is in it. */
  readonly blocks: readonly (readonly Advertisement[])[];
};

/** A line of a roll, with the device behind it, if there is one. */
export type Listed = { readonly entry: Bytes; readonly advertisement?: Advertisement };

/** The lines of an honest roll. */
export function listAll({ planBytes }: Lab, advertisements: readonly Advertisement[]): readonly Listed[] {
  const planHash = planHashOf(planBytes);
  return advertisements
    .map((advertisement) => {
      const { leaf, leafBytes } = advertisement;
      return { advertisement, entry: rollEntry(planHash, leaf.deviceId, leafBytes) };
    })
    .sort((a, b) => compare(a.entry, b.entry));
}

/** What comes out for a round of these devices. */
export function drawRound(lab: Lab, advertisements: readonly Advertisement[], cohortCount: number): Draw {
  return drawFrom(listAll(lab, advertisements), cohortCount);
}

/** What comes out for a roll, be it in order or not. */
export function drawFrom(listed: readonly Listed[], cohortCount: number): Draw {
  const roll = listed.map(({ entry }) => entry);
  const drawn = drawingTexts(roll, roundRootOf(roll)).map((text) => sha256(text));
  const cohorts = cohortsFrom(drawn, roll, cohortCount);
  const blocks = Array.from({ length: cohortCount }, (_, cohort) =>
    listed.flatMap(({ advertisement }, i) => (advertisement && cohorts[i] === cohort ? [advertisement] : [])),
  );
  return { roll, blocks };
}

/** A roster of one cohort of a round under honest numbers, signed, with whatever members and changes. */
export function forgeCohort(
  provider: CryptoProvider,
  lab: Lab,
  { roll, blocks }: Draw,
  cohort: number,
  members: readonly Advertisement[] = blocks[cohort]!,
  changes: Partial<RosterHeader> = {},
): Promise<DownMessage> {
  const { corruptBasisPoints, dropoutBasisPoints, sigma, eta } = lab.plan;
  const request = { devices: members.length, corruptBasisPoints, dropoutBasisPoints, sigma, eta };
  const { neighbours, threshold, windowSurvivors, committee, committeeThreshold, minSurvivors } =
    chooseParameters(request);
  const { advertisements, rosterRoot } = inOrder(members);
  const header: RosterHeader = {
    planHash: planHashOf(lab.planBytes),
    ...{ cohort, cohortCount: blocks.length, roundDevices: roll.length, roundRoot: roundRootOf(roll) },
    ...{ devices: members.length, neighbours, threshold, windowSurvivors, committee, committeeThreshold, minSurvivors },
    ...{ noiseVariance: 0n, rosterRoot },
    ...changes,
  };
  return forgeRoster(provider, lab, advertisements, header, roll);
}
