import { describe, expect, it } from 'vitest';
import { type Bytes, bytes } from '../bytes.ts';
import { portableCounterMode } from './keystream.ts';
import { perform } from './perform.ts';
import type { Primitives } from './primitives.ts';
import type { CryptoJob } from './provider.ts';

const secretKey = bytes(32).fill(1);
const peers = [3, 5, 9, 11, 13].map((first) => bytes(32).fill(first, 0, 1));

/** A platform that answers late and out of turn, and whose agreement is a function of our choice. */
function platform(concurrency: number, agree: (publicKey: Bytes) => Bytes, started: Bytes[] = []): Primitives {
  const unused = () => {
    throw new Error('not part of this test');
  };
  return {
    name: 'test',
    concurrency,
    agreementPair: () => ({
      publicKey: unused,
      async agree(publicKey) {
        started.push(publicKey);
        for (let turns = publicKey[0]! % 7; turns > 0; turns--) await Promise.resolve();
        return agree(publicKey);
      },
    }),
    encryptCounterMode: portableCounterMode,
    signingPair: unused,
    verify: unused,
    seal: unused,
    open: unused,
    hash: unused,
  };
}

const agreeMany: CryptoJob = { do: 'agreeMany', secretKey, publicKeys: peers };
const mask: CryptoJob = {
  do: 'mask',
  vector: Uint32Array.of(1, 2, 3),
  salt: bytes(32),
  seeds: [],
  agreements: [
    { secretKey, peers: peers.map((publicKey, i) => ({ publicKey, info: Uint8Array.of(i), sign: i % 2 ? 1 : -1 })) },
  ],
};

describe('a job', () => {
  it.each([1, 2, 3, 5, 100])('keeps its order and its result, %i operations at once', async (concurrency) => {
    const secrets = await perform(
      platform(concurrency, (key) => key),
      agreeMany,
    );
    expect(secrets).toEqual({ did: 'agreeMany', secrets: peers });
    const alone = await perform(
      platform(1, (key) => key),
      mask,
    );
    const together = await perform(
      platform(concurrency, (key) => key),
      mask,
    );
    expect(together).toEqual(alone);
  });

  it('takes a shared secret of zero from no platform, whatever the key looked like', async () => {
    const zeroForNine = platform(2, (key) => (key[0] === 9 ? bytes(32) : key));
    const secrets = peers.map((key) => (key[0] === 9 ? undefined : key));
    expect(await perform(zeroForNine, agreeMany)).toEqual({ did: 'agreeMany', secrets });
    expect(await perform(zeroForNine, mask)).toMatchObject({ did: 'fail' });
  });

  it('shows an unacceptable key to no platform', async () => {
    const started: Bytes[] = [];
    const recording = platform(2, (key) => key, started);
    await perform(recording, { do: 'agreeMany', secretKey, publicKeys: [bytes(32), peers[0]!, bytes(31)] });
    expect(started).toEqual([peers[0]]);
  });

  it('lets a defect of the platform through instead of calling it bad input', async () => {
    const broken = platform(1, () => {
      throw new TypeError('no such algorithm');
    });
    await expect(perform(broken, agreeMany)).rejects.toThrow(TypeError);
  });
});
