import { type MemoryDisk, nodeCrypto } from '@chorale/shared/adapters/node';
import type { CryptoProvider } from '@chorale/shared/crypto';
import { describe, expect, it } from 'vitest';
import type { World } from '../world.ts';
import { type Plant, playSeed } from './play.ts';

/** Enough for a fault without which a bug does not show. */
const mostSeeds = 40;
/** From these on, what shows the bug is near: it saves playing seeds that have other faults. */
const [stormyForPeople, resending] = [25, 67];

/** @returns the law that the first failing seed has broken */
async function brokenLaw(plant: Partial<Plant> | (() => Partial<Plant>), firstSeed = 1): Promise<string> {
  for (let seed = firstSeed; seed < firstSeed + mostSeeds; seed++) {
    const { failure } = await playSeed(seed, typeof plant === 'function' ? plant() : plant);
    if (failure !== undefined) return failure.law;
  }
  return 'none';
}

/** Changes what a disk keeps of each write. */
function forgets(disk: MemoryDisk, isForgotten: (key: string) => boolean): void {
  const write = disk.write.bind(disk);
  disk.write = (one) => void (isForgotten(one.key) || write(one));
}

function erase(disk: MemoryDisk, keys: RegExp): void {
  for (const { key } of disk.range({ from: '', to: '\u{10ffff}' }))
    if (keys.test(key)) disk.write({ do: 'delete', key });
}

/** Real ciphers, but for one result. */
function cryptoThat(bend: (perform: CryptoProvider['perform']) => CryptoProvider['perform']): CryptoProvider {
  const real = nodeCrypto();
  return { ...real, name: 'bent', perform: bend((job) => real.perform(job)) };
}

describe('the simulator sees', () => {
  it('a store that forgets receipts which it has acknowledged', async () => {
    const spoil = ({ coordinator: { disk } }: World) => forgets(disk, (key) => /^receipt\/.*[1-9]$/.test(key));
    expect(await brokenLaw({ spoil }, stormyForPeople)).toBe('nothing lost');
  });

  it('a coordinator that acknowledges withdrawals and does nothing about them', async () => {
    const spoil = ({ coordinator: { running } }: World) => {
      running!.consents.record = async () => {};
    };
    expect(['nothing lost', 'consent obeyed']).toContain(await brokenLaw({ spoil }, stormyForPeople));
  });

  it('a coordinator that counts its rounds anew after a restart', async () => {
    const spoil = ({ coordinator }: World) => {
      const start = coordinator.start.bind(coordinator);
      coordinator.start = () => {
        erase(coordinator.disk, /^round\//);
        return start();
      };
    };
    expect(await brokenLaw({ spoil })).toBe('numbers grow');
  });

  it('a store that does not keep the numbers of rounds', async () => {
    const spoil = ({ coordinator: { disk } }: World) => forgets(disk, (key) => key.startsWith('round/'));
    expect(await brokenLaw({ spoil })).toBe('numbers grow');
  });

  it('devices that have lost their ledgers after a restart', async () => {
    const spoil = ({ devices }: World) => {
      for (const device of devices) {
        const start = device.start.bind(device);
        device.start = () => {
          erase(device.disk, /^ledger\/.*\d{20}$/);
          return start();
        };
      }
    };
    expect(['said once', 'ledger first']).toContain(await brokenLaw({ spoil }));
  });

  it('a device that does not write down what it gives', async () => {
    const spoil = ({ devices }: World) => forgets(devices[3]!.disk, (key) => /^ledger\/.*\d{20}$/.test(key));
    expect(await brokenLaw({ spoil })).toBe('ledger first');
  });

  it('a device that says something else when it says it again', async () => {
    const plant = (): Partial<Plant> => {
      const said = new Set<Uint8Array>();
      const bend: Plant['bend'] = (packet) => {
        const { body } = packet;
        if (body === undefined || said.size < said.add(body).size) return packet;
        return { ...packet, body: body.map((byte) => byte ^ 1) };
      };
      return { bend };
    };
    expect(await brokenLaw(plant, resending)).toBe('said once');
  });

  it('a device that reveals the other secret of a neighbour', async () => {
    const bend: Plant['bend'] = (packet, device) => {
      if (packet.name !== 'unmask' || device !== 2) return packet;
      const body = packet.body!.slice();
      body[0] = 3 - body[0]!;
      return { ...packet, body };
    };
    expect(await brokenLaw({ bend })).toBe('secrets apart');
  });

  it('clients that go on after consent was taken back', async () => {
    const spoil = ({ devices }: World) => {
      for (const { client } of devices) Object.assign(client!.consent, { withdraw: async () => {} });
    };
    expect(await brokenLaw({ spoil })).toBe('consent obeyed');
  });

  it('a mask that does not cancel', async () => {
    let masks = 0;
    const crypto = cryptoThat((perform) => async (job) => {
      const result = await perform(job);
      if (result.did === 'mask' && ++masks === 5) result.vector[0]! += 1;
      return result;
    });
    expect(await brokenLaw({ crypto })).toBe('true sums');
  });

  it('a coordinator that does not count what devices have given', async () => {
    const spoil = ({ coordinator: { disk } }: World) => forgets(disk, (key) => key.startsWith('account/'));
    expect(await brokenLaw({ spoil })).toBe('budgets kept');
  });

  it('an error that nobody expected', async () => {
    const crypto = cryptoThat((perform) => (job) => {
      if (job.do === 'sealMany') throw new Error('planted');
      return perform(job);
    });
    expect(await brokenLaw({ crypto })).toBe('no defects');
  });

  it('a coordinator that does not come back', async () => {
    const spoil = ({ coordinator }: World) => {
      coordinator.start = () => new Promise(() => {});
    };
    expect(await brokenLaw({ spoil })).toBe('liveness');
  });
});
