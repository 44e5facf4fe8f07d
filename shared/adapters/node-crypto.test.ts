import { describe, expect, it } from 'vitest';
import { type Bytes, bytes, u32 } from '../bytes.ts';
import { hkdf } from '../crypto/hashing.ts';
import { portableCrypto } from '../crypto/portable.ts';
import type { CryptoJob, CryptoProvider, CryptoResult } from '../crypto/provider.ts';
import { webCrypto } from '../crypto/web.ts';
import { bytesToWords } from '../vectors.ts';
import { nodeCrypto } from './node-crypto.ts';

const providers = [portableCrypto(), webCrypto(), nodeCrypto()];
const seeds = [1, 2, 3, 4, 5, 6];

describe.each(seeds)('all providers, on random jobs from seed %i', (seed) => {
  const random = randomFrom(seed);

  it.each<[CryptoJob['do'], () => Promise<CryptoJob>]>([
    ['publicKeys', async () => ({ do: 'publicKeys', agreement: random.keys(5), signing: random.keys(5) })],
    ['agreeMany', async () => ({ do: 'agreeMany', secretKey: random.bytes(32), publicKeys: await peers(20) })],
    ['signMany', async () => ({ do: 'signMany', secretKey: random.bytes(32), messages: random.texts(5) })],
    ['verifyMany', async () => ({ do: 'verifyMany', signatures: await signedTexts(5) })],
    ['sealMany', async () => ({ do: 'sealMany', boxes: boxes() })],
    ['openMany', async () => ({ do: 'openMany', boxes: await sealedBoxes() })],
    ['hashMany', async () => ({ do: 'hashMany', texts: random.texts(40) })],
    ['split', async () => sharing()],
    ['reconstruct', async () => ({ do: 'reconstruct', secrets: await sharedSecrets() })],
    ['mask', async () => masking(await peers(3, false), await peers(18, false))],
    ['mask', async () => masking(await peers(2, false), await peers(18, true))],
  ])('give one result for %s', async (_, build) => {
    const job = await build();
    const [portable, ...others] = await Promise.all(providers.map((provider) => provider.perform(job)));
    for (const result of others) expect(result).toEqual(portable);
    expect(portable!.did).toBe(hasBadPeer(job) ? 'fail' : job.do);
  });

  /** Honest keys, and (unless told otherwise) random ones, of which some have the top bit. */
  async function peers(count: number, withRandom = true): Promise<Bytes[]> {
    const keys = await result(providers[2]!, { do: 'publicKeys', agreement: random.keys(count), signing: [] });
    return withRandom ? [...keys.agreement, ...random.keys(count)] : [...keys.agreement];
  }

  async function signedTexts(count: number) {
    const secretKey = random.bytes(32);
    const keys = await result(providers[2]!, { do: 'publicKeys', agreement: [], signing: [secretKey] });
    const messages = random.texts(count);
    const { signatures } = await result(providers[2]!, { do: 'signMany', secretKey, messages });
    const publicKey = keys.signing[0]!;
    return messages.flatMap((message, i) => {
      const signature = signatures[i]!;
      const wrong = signature.map((byte, j) => (j === (i * 13) % 64 ? byte ^ 0x10 : byte));
      return [
        { publicKey, message, signature },
        { publicKey, message, signature: wrong },
        { publicKey: random.bytes(32), message, signature },
        { publicKey, message: random.bytes(9), signature },
      ];
    });
  }

  function boxes() {
    return random.texts(20).map((plain) => ({ key: random.bytes(32), plain }));
  }

  async function sealedBoxes() {
    const plain = boxes();
    const { sealed } = await result(providers[2]!, { do: 'sealMany', boxes: plain });
    const intact = plain.map(({ key }, i) => ({ key, sealed: sealed[i]! }));
    return [...intact, ...random.texts(20).map((text) => ({ key: random.bytes(32), sealed: text }))];
  }

  function sharing() {
    const points = Array.from({ length: 9 }, (_, i) => 1 + i * 7000 + random.below(7000));
    return {
      do: 'split',
      secrets: random.keys(3),
      threshold: 1 + random.below(9),
      points,
      randomness: random.bytes(32),
    } as const;
  }

  async function sharedSecrets() {
    const { threshold, points, ...rest } = sharing();
    const { shares } = await result(providers[2]!, { threshold, points, ...rest });
    const whole = shares.map((row) => row.map((share, j) => ({ point: points[j]!, share })));
    whole[1]![random.below(9)]!.share[random.below(32)]! ^= 1;
    return [...whole, whole[0]!.slice(0, threshold), whole[0]!.slice(1, threshold)].map((held) => ({
      threshold,
      shares: held,
    }));
  }

  function masking(first: readonly Bytes[], second: readonly Bytes[]): CryptoJob {
    const stream = () => ({ info: random.bytes(random.below(50)), sign: random.below(2) === 0 ? 1 : -1 }) as const;
    const withPeers = (publicKeys: readonly Bytes[]) => ({
      secretKey: random.bytes(32),
      peers: publicKeys.map((publicKey) => ({ publicKey, ...stream() })),
    });
    return {
      do: 'mask',
      vector: bytesToWords(random.bytes(4 * (1 + random.below(300)))),
      salt: random.bytes(32),
      seeds: random.keys(3).map((secret) => ({ secret, ...stream() })),
      agreements: [withPeers(first), withPeers(second)],
    };
  }
});

/** A key with the top bit is refused; random keys without it are all but surely acceptable. */
function hasBadPeer(job: CryptoJob): boolean {
  if (job.do !== 'mask') return false;
  return job.agreements.some(({ peers }) => peers.some(({ publicKey }) => publicKey[31]! >= 0x80));
}

async function result<Job extends CryptoJob>(
  provider: CryptoProvider,
  job: Job,
): Promise<Extract<CryptoResult, { did: Job['do'] }>> {
  const done = await provider.perform(job);
  if (done.did !== job.do) throw new Error(`the ${job.do} job was answered with ${done.did}`);
  return done as Extract<CryptoResult, { did: Job['do'] }>;
}

function randomFrom(seed: number) {
  let draws = 0;
  const draw = (length: number): Bytes => hkdf(u32(seed), bytes(0), u32(draws++), length);
  const below = (bound: number) => new DataView(draw(4).buffer).getUint32(0) % bound;
  return {
    bytes: draw,
    below,
    keys: (count: number) => Array.from({ length: count }, () => draw(32)),
    texts: (count: number) => Array.from({ length: count }, (_, i) => draw(i === 0 ? 0 : below(200))),
  };
}
