/** R0: gather advertisements and verify them together, until there are enough for all cohorts. */

import { ChoraleError } from '../../errors.ts';
import { type DeviceId, deviceIdFromBytes } from '../../ids.ts';
import type { Instant } from '../../ports.ts';
import { mostOnRoll } from '../assignment.ts';
import type { UpMessage } from '../messages.ts';
import { areSoundLeaves, decodeAdvertisement, planHashOf, signedAdvertisement, signedCredentialOf } from '../roster.ts';
import { arrivalsOf, hasArrived, noArrivals, withArrival, withoutArrivals } from './arrivals.ts';
import { formCohorts } from './assign.ts';
import { answering, refuse, type ServerEvent, type ServerSetup, type Stepped } from './round.ts';
import { type Admitting, compute, type Gathered, type Gathering, type Step } from './state.ts';

/** Opens the round. */
export function gather(setup: ServerSetup, now: Instant): Stepped<Gathering> {
  const gathered: Gathered = {
    setup,
    planHash: planHashOf(setup.planBytes),
    invited: new Set(setup.invited),
    now,
    lastId: 0,
    disconnected: new Set(),
    withdrawn: new Set(),
    advertised: noArrivals,
  };
  const deadline = now + setup.plan.limits.advertiseMs;
  const phase = { at: 'admitting', deadline, verified: new Set<DeviceId>() } as const;
  return [{ at: 'gathering', gathered, phase }, [{ do: 'wake', at: deadline }]];
}

export function stepGathering(state: Gathering, event: ServerEvent): Step {
  const gathered = { ...state.gathered, now: event.now };
  const current = { ...state, gathered };
  switch (event.on) {
    case 'message':
      return receive(current, event.from as DeviceId, event.message);
    case 'gone': {
      const disconnected = new Set([...gathered.disconnected, event.device as DeviceId]);
      return closeWhenDue({ ...current, gathered: { ...gathered, disconnected } });
    }
    case 'wake':
      return closeWhenDue(current);
    case 'computed': {
      const { phase } = current;
      return phase.at === 'working' && phase.id === event.id ? phase.next(gathered, event.result) : [current, []];
    }
    case 'persisted':
      return [current, []];
  }
}

function receive(before: Gathering, from: DeviceId, message: UpMessage): Step {
  if (!before.gathered.invited.has(from)) {
    return refuse(before, from, 'forbidden', 'this device was not invited to the round');
  }
  const state = { ...before, gathered: connect(before.gathered, from) };
  const { gathered } = state;
  if (message.name === 'resume') return answering(from, { ok: true }, [state, []]);
  if (gathered.withdrawn.has(from)) return refuse(state, from, 'round-over', 'this device has left the round');
  if (message.name === 'withdraw') {
    return answering(from, { ok: true }, closeWhenDue({ ...state, gathered: withdrawAll(gathered, [from]) }));
  }
  if (message.name !== 'advertise') return refuse(state, from, 'wrong-turn', 'this device is not on a roster');
  return receiveAdvertisement(state, from, message);
}

function receiveAdvertisement(state: Gathering, from: DeviceId, { body }: UpMessage): Step {
  const { gathered, phase } = state;
  if (hasArrived(gathered.advertised, from)) {
    return refuse(state, from, 'duplicate', 'this device has advertised already');
  }
  if (phase.at !== 'admitting') return refuse(state, from, 'round-full', 'the roster is closed');
  try {
    const next = { ...state, gathered: keepAdvertisement(gathered, from, body) };
    return answering(from, { ok: true }, closeWhenDue(next));
  } catch (error) {
    if (error instanceof ChoraleError) return refuse(state, from, error.code, error.message);
    throw error;
  }
}

/** Keeps an advertisement; its signatures are verified with the others'. @throws ChoraleError `invalid-input` */
function keepAdvertisement(gathered: Gathered, device: DeviceId, body: Uint8Array): Gathered {
  const advertisement = decodeAdvertisement(body);
  const { leaf } = advertisement;
  if (deviceIdFromBytes(leaf.deviceId) !== device || !areSoundLeaves([leaf], gathered.setup.plan.task)) {
    throw new ChoraleError('invalid-input', 'malformed advertisement: its id or one of its keys is not acceptable');
  }
  return { ...gathered, advertised: withArrival(gathered.advertised, device, advertisement) };
}

function connect(gathered: Gathered, device: DeviceId): Gathered {
  const { disconnected } = gathered;
  if (!disconnected.has(device)) return gathered;
  return { ...gathered, disconnected: new Set([...disconnected].filter((id) => id !== device)) };
}

/** Gathering is over when nobody more is wanted or can come, or at its deadline. */
function closeWhenDue(state: Gathering): Step {
  const { gathered, phase } = state;
  if (phase.at !== 'admitting') return [state, []];
  return isGathered(gathered) || gathered.now >= phase.deadline ? verify(gathered, phase) : [state, []];
}

function isGathered({ advertised, setup, disconnected, withdrawn }: Gathered): boolean {
  if (advertised.size >= Math.min(setup.cohort * setup.cohorts, mostOnRoll)) return true;
  // Asked after every message: devices are looked at one by one only where they could all be accounted for.
  if (advertised.size + disconnected.size + withdrawn.size < setup.invited.length) return false;
  return setup.invited.every((id) => hasArrived(advertised, id) || disconnected.has(id) || withdrawn.has(id));
}

/** Verifies what is new; forms the cohorts, or goes on gathering if signatures were bad and there is still time. */
function verify(gathered: Gathered, phase: Admitting): Step {
  const { planHash, setup } = gathered;
  const authority = { task: setup.plan.task, planHash, enrolmentKey: setup.enrolmentKey };
  const fresh = arrivalsOf(gathered.advertised).filter(([device]) => !phase.verified.has(device));
  const signatures = fresh.flatMap(([, advertisement]) => [
    signedAdvertisement(advertisement, planHash),
    signedCredentialOf(advertisement, authority),
  ]);
  return compute(gathered, { do: 'verifyMany', signatures }, (later, { valid }) => {
    const bad = fresh.filter((_, i) => !valid[2 * i] || !valid[2 * i + 1]).map(([device]) => device);
    const cleaned = withdrawAll(later, [...bad, ...withReusedKeys(later)]);
    const isOverdue = cleaned.now >= phase.deadline;
    if (isGathered(cleaned) || isOverdue) return formCohorts(cleaned, isOverdue);
    const verified = new Set(arrivalsOf(cleaned.advertised).map(([device]) => device));
    return [
      { at: 'gathering', gathered: cleaned, phase: { ...phase, verified } },
      [{ do: 'wake', at: phase.deadline }],
    ];
  });
}

/** Who advertised a key that stood in an advertisement before: every device would refuse such a roster. */
function withReusedKeys({ advertised }: Gathered): readonly DeviceId[] {
  const seen = new Set<string>();
  return arrivalsOf(advertised).flatMap(([device, { leaf }]) => {
    const keys = [leaf.channelKey, leaf.maskKey].map(String);
    const isReused = keys[0] === keys[1] || keys.some((key) => seen.has(key));
    for (const key of keys) seen.add(key);
    return isReused ? [device] : [];
  });
}

/** Takes devices out of rosters that are not made yet. */
function withdrawAll(gathered: Gathered, devices: readonly DeviceId[]): Gathered {
  if (devices.length === 0) return gathered;
  const advertised = withoutArrivals(gathered.advertised, new Set(devices));
  return { ...gathered, advertised, withdrawn: new Set([...gathered.withdrawn, ...devices]) };
}
