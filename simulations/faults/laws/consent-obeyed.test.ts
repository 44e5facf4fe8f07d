import { bytes, concat, type DeviceId, deviceIdFromBytes, newId, type Packet } from '@chorale/shared';
import { advertisementBytes, encodeBitmap, encodeHeader, signatureBytes } from '@chorale/shared/secagg';
import { seededRandom } from '@chorale/shared/testing';
import { routes } from '@chorale/shared/wire';
import { describe, expect, it } from 'vitest';
import type { Seen } from '../../world/seen.ts';
import { consentObeyed } from './consent-obeyed.ts';
import type { Evidence, Law } from './law.ts';
import { readRoster } from './roster.ts';

const task = newId('task', 0, seededRandom('consent obeyed'));
const devices = 3;

/** As it is on the wire, as far as a law reads it: a header, and for each device what begins with its id. */
const roster = concat(
  encodeHeader({
    ...{ planHash: bytes(32), cohort: 0, cohortCount: 1, roundDevices: devices, roundRoot: bytes(32), devices },
    ...{ neighbours: 2, threshold: 2, windowSurvivors: 0, committee: 3, committeeThreshold: 2, minSurvivors: 2 },
    ...{ noiseVariance: 0n, rosterRoot: bytes(32) },
  }),
  bytes(signatureBytes),
  ...[1, 2, 3].map((number) => bytes(advertisementBytes).fill(number, 0, 16)),
);
const { ids } = readRoster(roster);
const withdrawing = deviceIdFromBytes(bytes(16).fill(2));

function pushed(name: string, body: Packet['body']): Seen {
  const packet = { name, header: { round: '7' }, ...(body === undefined ? {} : { body }) };
  return { see: 'pushed', ends: { task, device: ids[0]! }, packet };
}
const fixed = (isCounted: (device: DeviceId) => boolean): Seen => {
  const places = ids.flatMap((id, place) => (isCounted(id) ? [place] : []));
  return pushed('survivors', encodeBitmap(places, devices));
};

function said(see: 'asked' | 'answered', training: string, decidedAt: number): Seen {
  const body = { device: withdrawing, task, receipt: { receipt: { decidedAt, decisions: { training } } } };
  const request = { device: 0, method: 'POST', path: routes.consents, body };
  return see === 'asked' ? { see, ...request } : { see, ...request, status: 204 };
}
const left: Seen = {
  see: 'replied',
  ends: { task, device: withdrawing },
  packet: { name: 'withdraw', header: { round: '7' } },
  reply: { ok: true },
};

function judgementOf(...events: readonly Seen[]): string | undefined {
  // Nobody is asked: what a coordinator may do is judged by what it was told.
  const law: Law = consentObeyed({} as Evidence);
  return [pushed('roster', roster), ...events].map((seen) => law.judge?.(seen)).find((text) => text !== undefined);
}

describe('a round that counts a device', () => {
  const everybody = fixed(() => true);
  const others = fixed((id) => id !== withdrawing);

  it.each([
    ['whose withdrawal was acknowledged', [said('answered', 'withdrawn', 5)]],
    ['that withdrew after it had agreed', [said('answered', 'granted', 4), said('answered', 'withdrawn', 5)]],
    ['whose older grant came after its withdrawal', [said('answered', 'withdrawn', 5), said('asked', 'granted', 4)]],
    ['that has said that it leaves the round', [left]],
  ])('%s breaks the law, and one without it does not', (_, events) => {
    expect(judgementOf(...events, everybody)).toBe('round 7 counts a device that has taken its consent back');
    expect(judgementOf(...events, others)).toBeUndefined();
  });

  it.each([
    ['whose withdrawal has not arrived or was refused', [said('asked', 'withdrawn', 5)]],
    ['that has agreed again since', [said('answered', 'withdrawn', 5), said('asked', 'granted', 6)]],
  ])('%s keeps it', (_, events) => {
    expect(judgementOf(...events, everybody)).toBeUndefined();
  });

  it('which withdraws when the survivors are fixed keeps it', () => {
    expect(judgementOf(everybody, said('answered', 'withdrawn', 5), everybody)).toBeUndefined();
  });
});
