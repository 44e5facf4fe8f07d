/** The people behind the devices: what they last said about training, and whether their device can still know it. */

import type { Chorale } from '@chorale/client';
import { type DeviceId, deviceIdFromBytes, fromBase64url, fromUtf8, type TaskId } from '@chorale/shared';
import type { MemoryDisk } from '@chorale/shared/adapters/node';
import { deviceIdOf } from '@chorale/shared/secagg';
import type { WorldDevice } from '../world/device.ts';
import type { Watch } from '../world/seen.ts';
import type { World } from '../world.ts';
import { entriesUnder, isLastWordNo, recordsUnder, type SignedReceipt } from './disks.ts';

/** A word stays with the process that heard it; it outlives that process once it is on the disk. */
type Word = { readonly says: 'granted' | 'withdrawn'; readonly heardBy: Chorale };

export class People {
  readonly #devices: readonly WorldDevice[];
  readonly #watch: Watch;
  readonly #words = new Map<number, Word>();

  constructor({ devices }: Pick<World, 'devices'>, watch: Watch) {
    this.#devices = devices;
    this.#watch = watch;
  }

  withdraw(device: number): boolean {
    return this.#say(device, 'withdrawn');
  }

  grant(device: number): boolean {
    return this.#say(device, 'granted');
  }

  /** What the person last said to the process that runs now. */
  lastWordTo({ index, client }: WorldDevice): Word['says'] | undefined {
    const word = this.#words.get(index);
    return word?.heardBy === client ? word?.says : undefined;
  }

  /** @returns whether everybody but a few consents, as far as their devices know */
  persuade(mostRefusals: number): boolean {
    const refusing = this.#devices.filter(({ client }) => client?.consent.state().training !== 'granted');
    const isUp = refusing.every(({ client }) => client !== undefined);
    for (const { index } of refusing.slice(mostRefusals)) this.grant(index);
    return isUp && refusing.length <= mostRefusals;
  }

  /** Whether the coordinator knows everybody who does not consent, if it knows their device at all. */
  areHeard({ disk }: World['coordinator']): boolean {
    return this.#devices
      .filter(({ client }) => client?.consent.state().training !== 'granted')
      .flatMap(idsOf)
      .every((id) => disk.get(`device/${id}`) === undefined || isRefusal(disk, id));
  }

  /** @returns false where there is nobody to talk to, or nothing new to say */
  #say(device: number, says: Word['says']): boolean {
    const client = this.#devices[device]!.client;
    if (client === undefined || (client.consent.state().training === 'granted') === (says === 'granted')) return false;
    this.#words.set(device, { says, heardBy: client });
    this.#watch({ see: 'noted', who: device, what: `consent is ${says}` });
    void (says === 'granted' ? client.consent.grant(['training']) : client.consent.withdraw(['training']));
    return true;
  }
}

function idsOf({ disk }: WorldDevice): readonly DeviceId[] {
  return entriesUnder(disk, 'identity').map(({ key, value }) => {
    const { publicKey } = JSON.parse(fromUtf8(value)) as { readonly publicKey: string };
    return deviceIdFromBytes(deviceIdOf(key.slice('identity/'.length) as TaskId, fromBase64url(publicKey)));
  });
}

function isRefusal(disk: MemoryDisk, id: DeviceId): boolean {
  const receipts = recordsUnder<SignedReceipt>(disk, `receipt/${id}`).map(({ receipt }) => receipt);
  return isLastWordNo(receipts.map(({ decidedAt: at, decisions }) => ({ at, decisions })));
}
