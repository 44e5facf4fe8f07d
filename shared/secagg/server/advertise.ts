/** R0: gather advertisements, verify them together, and sign the header of the roster that they make. */

import { bytes, compare } from '../../bytes.ts';
import { ChoraleError } from '../../errors.ts';
import { type DeviceId, deviceIdFromBytes } from '../../ids.ts';
import { encodeHeader, headerText, type RosterHeader } from '../header.ts';
import { chooseParameters, type Parameters } from '../parameters.ts';
import {
  type Advertisement,
  areSoundLeaves,
  decodeAdvertisement,
  formCohort,
  maxCohort,
  rosterRoot,
  signedAdvertisement,
  signedCredentialOf,
} from '../roster.ts';
import { openDeal } from './deal.ts';
import { abandon, compute, type Gathering, makeMembers, type Round, type Step, tally } from './state.ts';

/** Opens the round. */
export function gather(round: Round): Step {
  const deadline = round.now + round.setup.plan.limits.advertiseMs;
  return [{ round, phase: { at: 'gathering', deadline, verified: new Set() } }, [{ do: 'wake', at: deadline }]];
}

/** Keeps an advertisement; its signatures are verified with the others'. @throws ChoraleError `invalid-input` */
export function keepAdvertisement(round: Round, device: DeviceId, body: Uint8Array): Round {
  const advertisement = decodeAdvertisement(body);
  const { leaf } = advertisement;
  if (deviceIdFromBytes(leaf.deviceId) !== device || !areSoundLeaves([leaf], round.setup.plan.task)) {
    throw new ChoraleError('invalid-input', 'malformed advertisement: its id or one of its keys is not acceptable');
  }
  return { ...round, advertised: new Map(round.advertised).set(device, advertisement) };
}

export function isGathered({ advertised, setup, disconnected, withdrawn }: Round): boolean {
  const isFull = advertised.size >= setup.cohort;
  return isFull || setup.invited.every((id) => advertised.has(id) || disconnected.has(id) || withdrawn.has(id));
}

/** Verifies what is new; makes the roster, or goes on gathering if signatures were bad and there is still time. */
export function closeGathering(round: Round, phase: Gathering): Step {
  const { planHash, setup } = round;
  const authority = { task: setup.plan.task, planHash, enrolmentKey: setup.enrolmentKey };
  const fresh = [...round.advertised].filter(([device]) => !phase.verified.has(device));
  const signatures = fresh.flatMap(([, advertisement]) => [
    signedAdvertisement(advertisement, planHash),
    signedCredentialOf(advertisement, authority),
  ]);
  return compute(round, { do: 'verifyMany', signatures }, (later, { valid }) => {
    const bad = fresh.filter((_, i) => !valid[2 * i] || !valid[2 * i + 1]).map(([device]) => device);
    const cleaned = withdrawAll(later, [...bad, ...withReusedKeys(later)]);
    const isOverdue = cleaned.now >= phase.deadline;
    if (isGathered(cleaned) || isOverdue) return makeRoster(cleaned, isOverdue);
    const verified = new Set(cleaned.advertised.keys());
    return [{ round: cleaned, phase: { ...phase, verified } }, [{ do: 'wake', at: phase.deadline }]];
  });
}

/** Who advertised a key that stood in an advertisement before: every device would refuse such a roster. */
function withReusedKeys({ advertised }: Round): readonly DeviceId[] {
  const seen = new Set<string>();
  return [...advertised].flatMap(([device, { leaf }]) => {
    const keys = [leaf.channelKey, leaf.maskKey].map(String);
    const isReused = keys[0] === keys[1] || keys.some((key) => seen.has(key));
    for (const key of keys) seen.add(key);
    return isReused ? [device] : [];
  });
}

/** Takes devices out of a roster that is not made yet. */
export function withdrawAll(round: Round, devices: readonly DeviceId[]): Round {
  const advertised = new Map(round.advertised);
  for (const device of devices) advertised.delete(device);
  return { ...round, advertised, withdrawn: new Set([...round.withdrawn, ...devices]) };
}

/** Invited devices that left or kept silent; those for whom the roster filled too early did neither. */
function countLost({ setup, advertised, disconnected, withdrawn }: Round, isOverdue: boolean): number {
  const absent = setup.invited.filter((device) => !advertised.has(device));
  return absent.filter((device) => isOverdue || disconnected.has(device) || withdrawn.has(device)).length;
}

function makeRoster(round: Round, isOverdue: boolean): Step {
  const { setup, advertised } = round;
  const lost = countLost(round, isOverdue);
  const advertisements = [...advertised.values()].toSorted((a, b) => compare(a.leaf.deviceId, b.leaf.deviceId));
  const counted = tally(round, 'advertised', advertisements.length, lost);
  if (advertisements.length < setup.plan.minDevices) return abandon(counted, 'too-few-devices');
  const parameters = parametersFor(counted, advertisements.length);
  return parameters ? signHeader(counted, advertisements, parameters) : abandon(counted, 'no-parameters');
}

function parametersFor({ setup }: Round, devices: number): Parameters | undefined {
  const { corruptBasisPoints, dropoutBasisPoints, sigma, eta } = setup.plan;
  if (devices > maxCohort) return undefined;
  try {
    return chooseParameters({ devices, corruptBasisPoints, dropoutBasisPoints, sigma, eta });
  } catch (error) {
    if (error instanceof ChoraleError) return undefined;
    throw error;
  }
}

function signHeader(round: Round, advertisements: readonly Advertisement[], parameters: Parameters): Step {
  const fields = headerOf(round, advertisements, parameters);
  const header = encodeHeader(fields);
  const job = {
    do: 'signMany',
    secretKey: round.setup.planSecretKey,
    messages: [headerText(header)],
  } as const;
  return compute(round, job, (later, { signatures }) => {
    const cohort = formCohort(fields, header, later.planHash, advertisements);
    const members = makeMembers({ cohort, parameters, header, headerSignature: signatures[0]! });
    return openDeal({ ...later, members, answered: bytes(advertisements.length) }, advertisements);
  });
}

function headerOf(round: Round, advertisements: readonly Advertisement[], parameters: Parameters): RosterHeader {
  return {
    planHash: round.planHash,
    cohort: 0,
    cohortCount: 1,
    roundDevices: advertisements.length,
    roundRoot: bytes(32),
    devices: advertisements.length,
    neighbours: parameters.neighbours,
    threshold: parameters.threshold,
    windowSurvivors: parameters.windowSurvivors,
    committee: parameters.committee,
    committeeThreshold: parameters.committeeThreshold,
    minSurvivors: parameters.minSurvivors,
    noiseVariance: round.setup.noiseVariance(parameters),
    rosterRoot: rosterRoot(advertisements),
  };
}
