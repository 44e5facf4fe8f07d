/** The people behind the devices: what they last said about training, and whether their device can still know it. */

import type { Chorale } from '@chorale/client';
import { type DeviceId, deviceIdFromBytes, fromBase64url, fromUtf8, type TaskId } from '@chorale/shared';
import type { MemoryDisk } from '@chorale/shared/adapters/node';
import { deviceIdOf } from '@chorale/shared/secagg';
import type { WorldDevice } from '../world/device.ts';
import type { Watch } from '../world/seen.ts';
import type { World } from '../world.ts';
import { entriesUnder, isLastWordNo, recordsUnder, type SignedReceipt } from './disks.ts';

/** A word stays with the process that heard it, and outlives it once the client has said that it is kept. */
type Word = { readonly says: 'granted' | 'withdrawn'; readonly heardBy: Chorale; isKept: boolean };

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

  /** What the device must know that its person last said; undefined where a process has taken the word into its grave. */
  lastWordTo({ index, client }: WorldDevice): Word['says'] | undefined {
    const word = this.#words.get(index);
    return word?.isKept || word?.heardBy === client ? word?.says : undefined;
  }

  /** @returns whether everybody but a few consents, as far as their devices know */
  persuade(mostRefusals: number): boolean {
    const refusing = this.#devices.filter(({ client }) => client?.consent.state().training !== 'granted');
    const isUp = refusing.every(({ client }) => client !== undefined);
    for (const { index } of refusing.slice(mostRefusals)) this.grant(index);
    return isUp && refusing.length <= mostRefusals;
  }

  /** Whether the coordinator knows of everybody who has withdrawn, if it knows their device at all. */
  areHeard({ disk }: World['coordinator']): boolean {
    return this.#devices
      .filter(({ client }) => client?.consent.state().training === 'withdrawn')
      .flatMap(idsOf)
      .every((id) => disk.get(`device/${id}`) === undefined || isRefusal(disk, id));
  }

  /** @returns false where there is nobody to talk to, or nothing new to say */
  #say(device: number, says: Word['says']): boolean {
    const { client, errors } = this.#devices[device]!;
    if (client === undefined || (client.consent.state().training === 'granted') === (says === 'granted')) return false;
    const word: Word = { says, heardBy: client, isKept: false };
    this.#words.set(device, word);
    this.#watch({ see: 'noted', who: device, what: `consent is ${says}` });
    const known = errors.length;
    const said = says === 'granted' ? client.consent.grant(['training']) : client.consent.withdraw(['training']);
    void said.then(() => {
      word.isKept = errors.length === known;
    });
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
