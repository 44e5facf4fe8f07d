/** Between R0 and R1a: decide how many cohorts form, draw who is in which, and sign their headers. */

import { type Bytes, bytes, compare, concat } from '../../bytes.ts';
import { ChoraleError } from '../../errors.ts';
import { type DeviceId, deviceIdFromBytes } from '../../ids.ts';
import { cohortsFrom, drawingTexts, mostOnRoll, type Roll, roundRootOf } from '../assignment.ts';
import { rollEntry } from '../context.ts';
import { encodeRoster } from '../down-messages.ts';
import { encodeHeader, headerText, type RosterHeader } from '../header.ts';
import { chooseParameters, type Parameters } from '../parameters.ts';
import { type Advertisement, encodeAdvertisement, formCohort, maxCohort, rosterRoot } from '../roster.ts';
import { arrivalsOf, hasArrived } from './arrivals.ts';
import { startCohort } from './cohort.ts';
import { openCohorts } from './formed.ts';
import { type Account, emptyAccount } from './round.ts';
import { type Members, makeMembers } from './run.ts';
import { compute, dissolve, type Gathered, type Step } from './state.ts';

/** Devices that go on, in the order in which they came. */
type Chosen = {
  readonly advertisements: readonly Advertisement[];
  readonly cohortCount: number;
  readonly account: Account;
};

/** @param isOverdue whether who has not come by now is lost */
export function formCohorts(gathered: Gathered, isOverdue: boolean): Step {
  const { setup } = gathered;
  const arrived = arrivalsOf(gathered.advertised).map(([, advertisement]) => advertisement);
  const cohortCount = Math.min(setup.cohorts, Math.floor(arrived.length / setup.plan.minDevices));
  const room = Math.min(cohortCount * Math.min(setup.plan.maxDevices, maxCohort), mostOnRoll);
  const advertisements = arrived.slice(0, room);
  const account = accountOf(gathered, advertisements.length, isOverdue);
  if (cohortCount < Math.max(1, setup.leastCohorts ?? 1))
    return dissolve(gathered, 'too-few-devices', accountOf(gathered, arrived.length, isOverdue));
  const chosen = { advertisements, cohortCount, account };
  if (cohortCount === 1)
    return signHeaders(gathered, chosen, { roll: [], roundRoot: bytes(32), blocks: [advertisements] });
  return draw(gathered, chosen);
}

/** Invited devices that left or kept silent are lost; those for whom rosters filled too early did neither. */
function accountOf(gathered: Gathered, devices: number, isOverdue: boolean): Account {
  const { setup, advertised, disconnected, withdrawn } = gathered;
  const absent = setup.invited.filter((device) => !hasArrived(advertised, device));
  const lost = absent.filter((device) => isOverdue || disconnected.has(device) || withdrawn.has(device)).length;
  const account = emptyAccount(setup.invited.length, devices);
  return { ...account, droppedByTurn: { ...account.droppedByTurn, advertise: lost } };
}

/** Who is with whom, and the roll by which everybody can check it; a single cohort has none, and zeros for its root. */
type Assigned = {
  readonly roll: Roll;
  readonly roundRoot: Bytes;
  readonly blocks: readonly (readonly Advertisement[])[];
};

function draw(gathered: Gathered, chosen: Chosen): Step {
  const { advertisements, cohortCount } = chosen;
  const { planHash } = gathered;
  const entries = advertisements
    .map((advertisement) => {
      const { leaf, leafBytes } = advertisement;
      return { advertisement, entry: rollEntry(planHash, leaf.deviceId, leafBytes) };
    })
    .sort((a, b) => compare(a.entry, b.entry));
  const roll = entries.map(({ entry }) => entry);
  const roundRoot = roundRootOf(roll);
  return compute(gathered, { do: 'hashMany', texts: drawingTexts(roll, roundRoot) }, (later, { hashes }) => {
    const cohorts = cohortsFrom(hashes, roll, cohortCount);
    const blocks = Array.from({ length: cohortCount }, (): Advertisement[] => []);
    entries.forEach(({ advertisement }, i) => {
      blocks[cohorts[i]!]!.push(advertisement);
    });
    return signHeaders(later, chosen, { roll, roundRoot, blocks });
  });
}

function signHeaders(gathered: Gathered, chosen: Chosen, { roll, roundRoot, blocks }: Assigned): Step {
  const parameters = parametersFor(gathered, blocks);
  if (!parameters) return dissolve(gathered, 'no-parameters', chosen.account);
  const round = { roundDevices: chosen.advertisements.length, roundRoot, cohortCount: blocks.length };
  const cohorts = blocks.map((block, cohort) => {
    const advertisements = block.toSorted((a, b) => compare(a.leaf.deviceId, b.leaf.deviceId));
    const header = headerOf(gathered, { ...round, cohort }, advertisements, parameters[cohort]!);
    return { advertisements, parameters: parameters[cohort]!, header, headerBytes: encodeHeader(header) };
  });
  const messages = cohorts.map(({ headerBytes }) => headerText(headerBytes));
  const job = { do: 'signMany', secretKey: gathered.setup.planSecretKey, messages } as const;
  return compute(gathered, job, (later, { signatures }) => {
    const signed = cohorts.map((cohort, i) => ({ ...cohort, headerSignature: signatures[i]! }));
    // The same bytes for every cohort, so they are put together once.
    return openAll(later, chosen, [concat(...roll)], signed);
  });
}

/** By cohort. @returns undefined where some cohort cannot be made safe */
function parametersFor({ setup }: Gathered, blocks: Assigned['blocks']): readonly Parameters[] | undefined {
  const { corruptBasisPoints, dropoutBasisPoints, sigma, eta } = setup.plan;
  // Blocks have one of two sizes.
  const bySize = new Map<number, Parameters>();
  try {
    return blocks.map(({ length: devices }) => {
      const parameters =
        bySize.get(devices) ?? chooseParameters({ devices, corruptBasisPoints, dropoutBasisPoints, sigma, eta });
      bySize.set(devices, parameters);
      return parameters;
    });
  } catch (error) {
    if (error instanceof ChoraleError) return undefined;
    throw error;
  }
}

type SignedCohort = {
  readonly advertisements: readonly Advertisement[];
  readonly parameters: Parameters;
  readonly header: RosterHeader;
  readonly headerBytes: Bytes;
  readonly headerSignature: Bytes;
};

function openAll(gathered: Gathered, chosen: Chosen, roll: Roll, signed: readonly SignedCohort[]): Step {
  const { setup, planHash, now, lastId, disconnected, withdrawn, invited } = gathered;
  const cohortOf = new Map<DeviceId, number>();
  signed.forEach(({ advertisements }, cohort) => {
    for (const { leaf } of advertisements) cohortOf.set(deviceIdFromBytes(leaf.deviceId), cohort);
  });
  const arrived = chosen.advertisements.map(({ leaf }) => deviceIdFromBytes(leaf.deviceId));
  const steps = signed.map((cohort, number) => {
    const ids = arrived.filter((device) => cohortOf.get(device) === number);
    const within = (devices: ReadonlySet<DeviceId>) => new Set(ids.filter((device) => devices.has(device)));
    const first = lastId + 1 + number;
    return startCohort(
      {
        ...{ setup, planHash, now, members: membersOf(cohort, planHash, ids) },
        ...{ disconnected: within(disconnected), withdrawn: within(withdrawn) },
        lastId: first - signed.length,
      },
      rosterOf(cohort, roll),
    );
  });
  const surplus = arrivalsOf(gathered.advertised)
    .map(([device]) => device)
    .filter((device) => !cohortOf.has(device));
  const { leastCohorts = 1 } = setup;
  const round = { invited, withdrawn, surplus: new Set(surplus), cohortOf, leastCohorts, account: chosen.account };
  return openCohorts(round, steps);
}

function membersOf(signed: SignedCohort, planHash: Bytes, arrived: readonly DeviceId[]): Members {
  const { header, headerBytes, headerSignature, parameters, advertisements } = signed;
  const cohort = formCohort(header, headerBytes, planHash, advertisements);
  return makeMembers({ cohort, parameters, header: headerBytes, headerSignature, arrived });
}

function rosterOf({ headerBytes, headerSignature, advertisements }: SignedCohort, roll: Roll): Bytes {
  return encodeRoster({
    header: headerBytes,
    headerSignature,
    roll,
    advertisements: advertisements.map(encodeAdvertisement),
  });
}

function headerOf(
  { planHash, setup }: Gathered,
  numbers: Pick<RosterHeader, 'cohort' | 'cohortCount' | 'roundDevices' | 'roundRoot'>,
  advertisements: readonly Advertisement[],
  parameters: Parameters,
): RosterHeader {
  return {
    planHash,
    ...numbers,
    devices: advertisements.length,
    neighbours: parameters.neighbours,
    threshold: parameters.threshold,
    windowSurvivors: parameters.windowSurvivors,
    committee: parameters.committee,
    committeeThreshold: parameters.committeeThreshold,
    minSurvivors: parameters.minSurvivors,
    noiseVariance: setup.noiseVariance(parameters),
    rosterRoot: rosterRoot(advertisements),
  };
}
