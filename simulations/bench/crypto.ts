/** The provider's batched jobs against the ciphers that they call: what importing keys and checking input adds. */

import { nodeCrypto } from '@chorale/shared/adapters/node';
import type { CryptoJob, ResultOf } from '@chorale/shared/crypto';
import type { BenchGroup, Measurement } from './measurement.ts';
import { type CipherCosts, costOf, hashing, measureCiphers } from './raw-ciphers.ts';
import { leastOf } from './stopwatch.ts';

const batch = 256;
const hashedBytes = 113;
const provider = nodeCrypto();

export const cryptoGroup: BenchGroup = async function* ({ isQuick, note }) {
  note('crypto: batches of agreements, signatures and hashes …');
  const costs = await measureCiphers(1 << 16);
  for (const { name, job, bareMs } of await batches(costs)) {
    const { cpuMs } = await leastOf(isQuick ? 3 : 10, () => provider.perform(job));
    yield rate(name, cpuMs / batch, bareMs);
  }
};

function rate(name: string, ms: number, bareMs: number): Measurement {
  return { name, value: 1000 / ms, unit: '1/s', control: 1000 / bareMs, against: 'the bare cipher, keys ready' };
}

async function batches(costs: CipherCosts) {
  const secrets = Array.from({ length: batch }, (_, i) => new Uint8Array(32).fill(i + 1));
  const keys = await perform({ do: 'publicKeys', agreement: secrets, signing: secrets });
  const messages = secrets.map((_, i) => new Uint8Array(160).fill(i));
  const signing = { do: 'signMany', secretKey: secrets[0]!, messages } as const;
  const { signatures } = await perform(signing);
  const publicKey = keys.signing[0]!;
  const signed = messages.map((message, i) => ({ publicKey, message, signature: signatures[i]! }));
  const texts = messages.map((message) => message.slice(0, hashedBytes));
  return [
    {
      name: 'crypto X25519',
      job: { do: 'agreeMany', secretKey: secrets[0]!, publicKeys: keys.agreement },
      bareMs: costs.agreements,
    },
    { name: 'crypto Ed25519 sign', job: signing, bareMs: costs.signatures },
    { name: 'crypto Ed25519 verify', job: { do: 'verifyMany', signatures: signed }, bareMs: costs.verifications },
    {
      name: `crypto SHA-256 of ${hashedBytes} bytes`,
      job: { do: 'hashMany', texts },
      bareMs: await costOf(hashing(hashedBytes)),
    },
  ] as const satisfies readonly { name: string; job: CryptoJob; bareMs: number }[];
}

async function perform<Job extends CryptoJob>(job: Job): Promise<ResultOf<Job>> {
  const result = await provider.perform(job);
  if (result.did === 'fail') throw new Error(result.reason);
  return result as ResultOf<Job>; // A job is answered by the result of its own kind.
}
