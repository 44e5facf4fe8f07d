import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../adapters/node-crypto.ts';
import { type Bytes, bytes, fromHex, hex, utf8 } from '../bytes.ts';
import { portableCrypto } from './portable.ts';
import type { CryptoJob, CryptoProvider, ResultOf } from './provider.ts';
import { hasWebCrypto, webCrypto } from './web.ts';

type Agreement = { name: string; publicKey: string; secret: string };
type Golden = {
  splits: { secrets: string[]; threshold: number; points: number[]; randomness: string; shares: string[][] }[];
  boxes: { key: string; plain: string; sealed: string }[];
  mask: {
    vector: number[];
    salt: string;
    seeds: { secret: string; info: string; sign: 1 | -1 }[];
    agreements: { secretKey: string; peers: { publicKey: string; info: string; sign: 1 | -1 }[] }[];
    masked: number[];
  };
};

const rfc7748 = vectors<{
  agreements: (Agreement & { secretKey: string })[];
  pairs: { secretKey: string; publicKey: string }[];
  iterated: { times: number; result: string }[];
}>('rfc7748');
const rfc8032 = vectors<{ cases: { secretKey: string; publicKey: string; message: string; signature: string }[] }>(
  'rfc8032',
);
const agreement = vectors<{
  secretKey: string;
  acceptable: Agreement[];
  unacceptable: Omit<Agreement, 'secret'>[];
}>('agreement');
const signing = vectors<{
  cases: { name: string; publicKey: string; message: string; signature: string; valid: boolean }[];
}>('signing');
const golden = vectors<Golden>('golden');

function vectors<File>(name: string): File {
  return JSON.parse(readFileSync(new URL(`./vectors/${name}.json`, import.meta.url), 'utf8'));
}

it('this platform has all of WebCrypto, so that no provider goes untested', async () => {
  expect(await hasWebCrypto()).toBe(true);
});

describe.each([portableCrypto(), webCrypto(), nodeCrypto()])('the $name provider', (provider) => {
  async function perform<Job extends CryptoJob>(job: Job): Promise<ResultOf<Job>> {
    const result = await provider.perform(job);
    expect(result).toHaveProperty('did', job.do);
    return result as ResultOf<Job>;
  }

  async function agree(secretKey: Bytes, ...publicKeys: Bytes[]): Promise<readonly (Bytes | undefined)[]> {
    return (await perform({ do: 'agreeMany', secretKey, publicKeys })).secrets;
  }

  it('agrees as RFC 7748 says', async () => {
    for (const { secretKey, publicKey, secret } of rfc7748.agreements) {
      expect(await agree(fromHex(secretKey), fromHex(publicKey))).toEqual([fromHex(secret)]);
    }
  });

  it('agrees with itself a thousand times as RFC 7748 says', async () => {
    const seen = new Map<number, string>();
    let secret = bytes(32);
    secret[0] = 9;
    let point = secret;
    for (let times = 1; times <= 1000; times++) {
      const [next] = await agree(secret, point);
      [secret, point] = [next!, secret];
      seen.set(times, hex(secret));
    }
    for (const { times, result } of rfc7748.iterated) expect(seen.get(times)).toBe(result);
  });

  it('derives the public keys of RFC 7748 and RFC 8032', async () => {
    const keys = await perform({
      do: 'publicKeys',
      agreement: rfc7748.pairs.map(({ secretKey }) => fromHex(secretKey)),
      signing: rfc8032.cases.map(({ secretKey }) => fromHex(secretKey)),
    });
    expect(keys.agreement.map(hex)).toEqual(rfc7748.pairs.map(({ publicKey }) => publicKey));
    expect(keys.signing.map(hex)).toEqual(rfc8032.cases.map(({ publicKey }) => publicKey));
  });

  it('signs as RFC 8032 says', async () => {
    for (const { secretKey, message, signature } of rfc8032.cases) {
      const job = { do: 'signMany', secretKey: fromHex(secretKey), messages: [fromHex(message)] } as const;
      expect((await perform(job)).signatures.map(hex)).toEqual([signature]);
    }
  });

  it('accepts the signatures of RFC 8032, each for its own text only', async () => {
    const signatures = rfc8032.cases.map((each) => ({
      publicKey: fromHex(each.publicKey),
      message: fromHex(each.message),
      signature: fromHex(each.signature),
    }));
    const swapped = signatures.map((signed, i) => ({ ...signed, message: signatures.at(i - 1)!.message }));
    const { valid } = await perform({ do: 'verifyMany', signatures: [...signatures, ...swapped] });
    expect(valid).toEqual([true, true, true, true, false, false, false, false]);
  });

  it('agrees with odd but acceptable keys, and with no unacceptable one beside them', async () => {
    const keys = [...agreement.acceptable, ...agreement.unacceptable].map(({ publicKey }) => fromHex(publicKey));
    const secrets = await agree(fromHex(agreement.secretKey), ...keys);
    const expected = [
      ...agreement.acceptable.map(({ secret }) => secret),
      ...agreement.unacceptable.map(() => undefined),
    ];
    expect(secrets.map((secret) => secret && hex(secret))).toEqual(expected);
  });

  it('gives the one verdict on every doubtful signature', async () => {
    const signatures = signing.cases.map((each) => ({
      publicKey: fromHex(each.publicKey),
      message: fromHex(each.message),
      signature: fromHex(each.signature),
    }));
    const { valid } = await perform({ do: 'verifyMany', signatures });
    const verdict = (is: (i: number) => boolean) => signing.cases.map(({ name }, i) => `${name}: ${is(i)}`);
    expect(verdict((i) => valid[i]!)).toEqual(verdict((i) => signing.cases[i]!.valid));
  });

  it('seals and opens the golden boxes', async () => {
    const boxes = golden.boxes.map(({ key, plain }) => ({ key: fromHex(key), plain: fromHex(plain) }));
    const { sealed } = await perform({ do: 'sealMany', boxes });
    expect(sealed.map(hex)).toEqual(golden.boxes.map((box) => box.sealed));
    const received = boxes.map(({ key }, i) => ({ key, sealed: sealed[i]! }));
    const { opened } = await perform({ do: 'openMany', boxes: received });
    expect(opened).toEqual(boxes.map(({ plain }) => plain));
  });

  it('opens no box that was changed, cut or addressed to another', async () => {
    const [, , box] = golden.boxes.map(({ key, sealed }) => ({ key: fromHex(key), sealed: fromHex(sealed) }));
    const { key, sealed } = box!;
    const changed = Array.from(sealed, (_, i) => sealed.map((byte, j) => (i === j ? byte ^ 1 : byte)));
    const cut = [0, 15, 16, sealed.length - 1].map((length) => sealed.slice(0, length));
    const boxes = [...changed, ...cut].map((each) => ({ key, sealed: each }));
    const { opened } = await perform({
      do: 'openMany',
      boxes: [...boxes, { key: bytes(32), sealed }, { key, sealed }],
    });
    expect(opened.slice(0, -1)).toEqual(Array(boxes.length + 1).fill(undefined));
    expect(opened.at(-1)).toBeDefined();
  });

  it('hashes', async () => {
    const { hashes } = await perform({ do: 'hashMany', texts: [utf8('abc'), bytes(0)] });
    expect(hashes.map(hex)).toEqual([
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    ]);
  });

  it('splits into the golden shares and reconstructs from them', async () => {
    for (const { secrets, threshold, points, randomness, shares } of golden.splits) {
      const job = { secrets: secrets.map(fromHex), threshold, points, randomness: fromHex(randomness) };
      const dealt = await perform({ do: 'split', ...job });
      expect(dealt.shares.map((row) => row.map(hex))).toEqual(shares);
      const held = dealt.shares.map((row) => ({
        threshold,
        shares: row.map((share, j) => ({ point: points[j]!, share })),
      }));
      const result = await perform({ do: 'reconstruct', secrets: held });
      expect(result.secrets).toEqual(job.secrets);
    }
  });

  it('masks the golden vector, and leaves the one it was given alone', async () => {
    const job = maskJob(golden.mask);
    expect([...(await perform(job)).vector]).toEqual(golden.mask.masked);
    expect([...job.vector]).toEqual(golden.mask.vector);
  });

  it('takes off what it put on', async () => {
    const job = maskJob(golden.mask);
    const opposite = <S extends { sign: 1 | -1 }>(stream: S): S => ({ ...stream, sign: -stream.sign as 1 | -1 });
    const masked = await perform(job);
    const unmasked = await perform({
      ...job,
      vector: masked.vector,
      seeds: job.seeds.map(opposite),
      agreements: job.agreements.map((each) => ({ ...each, peers: each.peers.map(opposite) })),
    });
    expect(unmasked.vector).toEqual(job.vector);
  });

  it('masks a vector of no words', async () => {
    expect((await perform({ ...maskJob(golden.mask), vector: new Uint32Array(0) })).vector).toHaveLength(0);
  });

  it.each(agreement.unacceptable)('fails to mask with a peer whose key is bad: $name', async ({ publicKey }) => {
    const job = maskJob(golden.mask);
    const [first, ...others] = job.agreements;
    const peers = [...first!.peers, { publicKey: fromHex(publicKey), info: bytes(1), sign: 1 } as const];
    await expectFailure(provider, { ...job, agreements: [{ ...first!, peers }, ...others] });
    expect([...job.vector]).toEqual(golden.mask.vector);
  });

  it.each<[string, CryptoJob]>(impossibleJobs())('fails a job that makes no sense: %s', async (_, job) => {
    await expectFailure(provider, job);
  });
});

async function expectFailure(provider: CryptoProvider, job: CryptoJob): Promise<void> {
  expect(await provider.perform(job)).toEqual({ did: 'fail', reason: expect.any(String) });
}

function maskJob({ vector, salt, seeds, agreements }: Golden['mask']) {
  return {
    do: 'mask',
    vector: Uint32Array.from(vector),
    salt: fromHex(salt),
    seeds: seeds.map(({ secret, info, sign }) => ({ secret: fromHex(secret), info: fromHex(info), sign })),
    agreements: agreements.map(({ secretKey, peers }) => ({
      secretKey: fromHex(secretKey),
      peers: peers.map(({ publicKey, info, sign }) => ({ publicKey: fromHex(publicKey), info: fromHex(info), sign })),
    })),
  } as const satisfies CryptoJob;
}

function impossibleJobs(): [string, CryptoJob][] {
  const short = bytes(31).fill(1);
  const sharing = {
    do: 'split',
    secrets: [bytes(32)],
    threshold: 2,
    points: [1, 2, 3],
    randomness: bytes(32),
  } as const;
  return [
    ['a short agreement secret', { do: 'publicKeys', agreement: [short], signing: [] }],
    ['a short signing secret', { do: 'publicKeys', agreement: [], signing: [short] }],
    ['agreeing with a short secret', { do: 'agreeMany', secretKey: short, publicKeys: [] }],
    ['signing with a long secret', { do: 'signMany', secretKey: bytes(64), messages: [] }],
    ['sealing with a short key', { do: 'sealMany', boxes: [{ key: short, plain: bytes(1) }] }],
    ['opening with a short key', { do: 'openMany', boxes: [{ key: short, sealed: bytes(17) }] }],
    ['splitting a short secret', { ...sharing, secrets: [short] }],
    ['splitting for fewer than the threshold', { ...sharing, threshold: 4 }],
    ['splitting with threshold zero', { ...sharing, threshold: 0 }],
    ['splitting with a broken threshold', { ...sharing, threshold: 1.5 }],
    ['handing out the secret itself', { ...sharing, points: [0, 1, 2] }],
    ['two holders at one point', { ...sharing, points: [1, 1, 2] }],
    ['a holder outside the field', { ...sharing, points: [1, 2, 65536] }],
    ['splitting with a short seed', { ...sharing, randomness: short }],
    [
      'masking with a short secret',
      {
        do: 'mask',
        vector: new Uint32Array(1),
        salt: bytes(32),
        seeds: [],
        agreements: [{ secretKey: short, peers: [] }],
      },
    ],
  ];
}
