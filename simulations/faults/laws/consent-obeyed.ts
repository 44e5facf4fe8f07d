/**
 * Nobody is used without consent: a device sends no vector after its person took consent back, and no vector is added up
 * of a device whose withdrawal the coordinator has acknowledged before it fixed the survivors.
 */

import { type DeviceId, deviceIdFromBytes, fromBase64url, type Packet, type TaskId } from '@chorale/shared';
import { decodeBitmap, deviceIdOf } from '@chorale/shared/secagg';
import type { WorldDevice } from '../../world/device.ts';
import type { Ends, HttpRequest } from '../../world/seen.ts';
import { isLastWordNo, recordsUnder, type SignedReceipt } from '../disks.ts';
import { type Evidence, type Law, roundOf } from './law.ts';
import { CohortBook, type RosterPlaces } from './roster.ts';

type Enrolment = { readonly task: TaskId; readonly identityKey: string; readonly receipt: SignedReceipt };
type Sent = { readonly device: DeviceId; readonly receipt: SignedReceipt };

export function consentObeyed({ world, people }: Evidence): Law {
  /** Instants of the latest decisions: withdrawals that were acknowledged, grants that were ever heard of. */
  const withdrawnAt = new Map<DeviceId, number>();
  const grantedAt = new Map<DeviceId, number>();
  /** Devices that have left a round in so many words, by round. */
  const left = new Map<string, Set<DeviceId>>();
  const cohorts = new CohortBook();
  /** Cohorts whose survivors are fixed. */
  const fixed = new Set<RosterPlaces>();

  const isWithdrawn = (device: DeviceId) =>
    (withdrawnAt.get(device) ?? -Infinity) >= (grantedAt.get(device) ?? -Infinity) && withdrawnAt.has(device);
  const raise = (times: Map<DeviceId, number>, device: DeviceId, at: number) =>
    void times.set(device, Math.max(at, times.get(device) ?? at));

  const hear = (request: HttpRequest, isAcknowledged: boolean) => {
    for (const { device, receipt } of wordsIn(request)) {
      const { decisions, decidedAt } = receipt.receipt;
      if (decisions.training === 'granted') raise(grantedAt, device, decidedAt);
      else if (isAcknowledged && decisions.training !== undefined) raise(withdrawnAt, device, decidedAt);
    }
  };

  const hasRefused = (device: WorldDevice) =>
    people.lastWordTo(device) === undefined
      ? isLastWordNo(recordsUnder(device.disk, 'consent'))
      : people.lastWordTo(device) === 'withdrawn';

  const noteLeaving = (packet: Packet, { task, device }: Ends) => {
    const { round } = packet.header as { readonly round?: string };
    if (packet.name !== 'withdraw' || round === undefined) return;
    const name = `${task} ${round}`;
    left.set(name, (left.get(name) ?? new Set()).add(device));
  };

  const judgeSurvivors = (packet: Packet, ends: Ends): string | undefined => {
    cohorts.read(ends, packet);
    if (packet.name !== 'survivors') return undefined;
    const cohort = cohorts.of(ends, packet)!;
    // The first to hear of the survivors hears of them in the moment in which they were fixed.
    if (fixed.size === fixed.add(cohort).size) return undefined;
    const used = [...decodeBitmap(packet.body!, cohort.ids.length)!].map((place) => cohort.ids[place]!);
    const name = `${ends.task} ${roundOf(packet)}`;
    const unwilling = used.some((device) => isWithdrawn(device) || left.get(name)?.has(device));
    return unwilling ? `round ${roundOf(packet)} counts a device that has taken its consent back` : undefined;
  };

  return {
    name: 'consent obeyed',
    judge(seen) {
      switch (seen.see) {
        case 'asked':
          hear(seen, false);
          return undefined;
        case 'answered':
          if (seen.status < 300) hear(seen, true);
          return undefined;
        case 'sent': {
          if (seen.packet.name !== 'masked-input') return undefined;
          const device = world.devices[seen.device]!;
          return hasRefused(device) ? `device ${seen.device} sends a vector after consent was taken back` : undefined;
        }
        case 'replied':
          if (seen.reply.ok) noteLeaving(seen.packet, seen.ends);
          return undefined;
        case 'pushed':
          return seen.packet.body === undefined ? undefined : judgeSurvivors(seen.packet, seen.ends);
        default:
          return undefined;
      }
    },
  };
}

function wordsIn({ method, path, body }: HttpRequest): readonly Sent[] {
  if (method !== 'POST') return [];
  if (path.endsWith('/consents')) return [body as Sent];
  if (!path.endsWith('/devices')) return [];
  const { task, identityKey, receipt } = body as Enrolment;
  return [{ device: deviceIdFromBytes(deviceIdOf(task, fromBase64url(identityKey))), receipt }];
}
