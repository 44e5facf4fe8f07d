import { afterAll, describe, expect, it } from 'vitest';
import { type Bytes, concat, utf8 } from '../bytes.ts';
import type { CryptoJob, CryptoResult, ResultOf } from '../crypto/provider.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { divide, unite } from './crypto-division.ts';
import { cryptoPool } from './crypto-pool.ts';
import { nodeCrypto } from './node-crypto.ts';

const random = seededRandom('crypto pool');
const node = nodeCrypto();
/** Sends every job to the threads, however small. */
const eager = cryptoPool({ size: 3, inPlaceMicros: 0 });
afterAll(() => eager.close());

const jobs = await everyKindOfJob();

describe('a pool of threads', () => {
  for (const [name, job] of Object.entries(jobs)) {
    it(`gives the result of one thread for ${name}`, async () => {
      const expected = await node.perform(job);
      expect(await eager.perform(job)).toEqual(expected);
    });
  }

  it('leaves the vector of a mask job as it was', async () => {
    const before = jobs.mask.vector.slice();
    await eager.perform(jobs.mask);
    expect(jobs.mask.vector).toEqual(before);
  });

  it('answers jobs that run at the same time, each with its own result', async () => {
    const texts = Array.from({ length: 60 }, (_, i) => utf8(`text ${i}`));
    const results = await Promise.all(texts.map((text) => eager.perform({ do: 'hashMany', texts: [text] })));
    const expected = await Promise.all(texts.map((text) => node.perform({ do: 'hashMany', texts: [text] })));
    expect(results).toEqual(expected);
  });

  it('does small jobs in place and big ones in threads', async () => {
    const pool = cryptoPool({ size: 2 });
    const handles = () => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;
    const before = handles();
    await pool.perform({ do: 'hashMany', texts: [utf8('small')] });
    expect(handles()).toBe(before);
    const big = { do: 'agreeMany', ...(await agreement(100)) } as const;
    const isBusy = pool.perform(big);
    expect(handles()).toBeGreaterThan(before);
    expect(await isBusy).toEqual(await node.perform(big));
    await pool.close();
  });

  it('refuses work after it is closed', async () => {
    const pool = cryptoPool({ size: 1, inPlaceMicros: 0 });
    await pool.perform(jobs.hashMany);
    await pool.close();
    await expect(pool.perform(jobs.hashMany)).rejects.toThrow('closed');
  });

  it('rejects the jobs under way when it is closed', async () => {
    const pool = cryptoPool({ size: 1, inPlaceMicros: 0 });
    const rejected = expect(pool.perform(jobs.mask)).rejects.toThrow('work to do');
    await pool.close();
    await rejected;
  });

  it('rejects a job that makes its provider throw, and goes on', async () => {
    const pool = cryptoPool({ size: 1, inPlaceMicros: 0 });
    const broken: CryptoJob = { ...jobs.agreeMany, publicKeys: [null as unknown as Bytes] };
    await expect(pool.perform(broken)).rejects.toThrow(TypeError);
    expect(await pool.perform(jobs.hashMany)).toEqual(await node.perform(jobs.hashMany));
    await pool.close();
  });
});

describe('a divided job', () => {
  for (const [name, job] of Object.entries(jobs)) {
    it(`unites to the whole for ${name}, in any number of parts`, async () => {
      const expected = await node.perform(job);
      for (const parts of [1, 2, 3, 7, 100]) {
        const results: CryptoResult[] = [];
        for (const part of divide(job, parts)) results.push(await node.perform(part));
        expect(unite(job, results), `${parts} parts`).toEqual(expected);
      }
    });
  }

  it('prepares no secret key twice in one part', () => {
    for (const part of divide(jobs.mask, 3)) {
      const keys = part.do === 'mask' ? part.agreements.map(({ secretKey }) => secretKey) : [];
      expect(new Set(keys).size).toBe(keys.length);
    }
  });

  it('fails where a part fails', () => {
    const failure = { did: 'fail', reason: 'unacceptable key' } as const;
    const vector = new Uint32Array(3);
    expect(unite(jobs.mask, [{ did: 'mask', vector }, failure])).toEqual(failure);
  });
});

async function everyKindOfJob() {
  const { secretKey, publicKeys } = await agreement(5);
  const other = await agreement(3);
  const texts = Array.from({ length: 7 }, (_, i) => random.bytes(10 * i));
  const boxes = texts.map((plain) => ({ key: random.bytes(32), plain }));
  const sealed = await perform({ do: 'sealMany', boxes });
  const signing = await perform({ do: 'publicKeys', agreement: [], signing: [secretKey] });
  const signed = await perform({ do: 'signMany', secretKey, messages: texts });
  const secrets = Array.from({ length: 4 }, () => random.bytes(32));
  const points = [3, 1, 65_535, 7];
  const split = { do: 'split', secrets, threshold: 3, points, randomness: random.bytes(32) } as const;
  const { shares } = await perform(split);
  const stream = (i: number) => ({ info: utf8(`stream ${i}`), sign: i % 2 === 0 ? 1 : -1 }) as const;
  const peersOf = (keys: readonly Bytes[]) => keys.map((publicKey, i) => ({ publicKey, ...stream(i) }));
  const mask = {
    do: 'mask',
    vector: new Uint32Array(random.bytes(4000).buffer),
    salt: random.bytes(32),
    seeds: [0, 1, 2].map((i) => ({ secret: random.bytes(32), ...stream(i) })),
    agreements: [
      { secretKey, peers: peersOf(publicKeys) },
      { secretKey: other.secretKey, peers: peersOf(other.publicKeys) },
    ],
  } as const;
  return {
    publicKeys: { do: 'publicKeys', agreement: [secretKey, other.secretKey], signing: [secretKey] },
    agreeMany: { do: 'agreeMany', secretKey, publicKeys: [...publicKeys, random.bytes(31)] },
    signMany: { do: 'signMany', secretKey, messages: texts },
    verifyMany: {
      do: 'verifyMany',
      signatures: texts.map((message, i) => ({
        publicKey: signing.signing[0]!,
        message: i === 2 ? utf8('forged') : message,
        // A view into a larger packet, as signatures arrive.
        signature: concat(random.bytes(9), signed.signatures[i]!).subarray(9),
      })),
    },
    sealMany: { do: 'sealMany', boxes },
    openMany: {
      do: 'openMany',
      boxes: sealed.sealed.map((box, i) => ({ key: boxes[i === 1 ? 0 : i]!.key, sealed: box })),
    },
    hashMany: { do: 'hashMany', texts },
    'no work': { do: 'hashMany', texts: [] },
    split,
    reconstruct: {
      do: 'reconstruct',
      secrets: shares.map((row, i) => ({
        threshold: 3,
        shares: row.slice(i === 3 ? 2 : 0).map((share, j) => ({ point: points[j + (i === 3 ? 2 : 0)]!, share })),
      })),
    },
    mask,
    'mask of an empty vector': { ...mask, vector: new Uint32Array(0) },
    'mask with an unacceptable key': {
      ...mask,
      agreements: [{ secretKey, peers: peersOf([publicKeys[0]!, new Uint8Array(32)]) }],
    },
  } satisfies Record<string, CryptoJob>;
}

async function agreement(peers: number) {
  const secretKeys = Array.from({ length: peers }, () => random.bytes(32));
  const { agreement: publicKeys } = await perform({ do: 'publicKeys', agreement: secretKeys, signing: [] });
  return { secretKey: random.bytes(32), publicKeys };
}

async function perform<Job extends CryptoJob>(job: Job): Promise<ResultOf<Job>> {
  return (await node.perform(job)) as ResultOf<Job>;
}
