/** The controls: what the platform's own ciphers take in this very run, called bare, with keys ready. */

import {
  createCipheriv,
  createHash,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from 'node:crypto';
import type { CryptoJob, CryptoProvider } from '@chorale/shared/crypto';
import { leastOf } from './stopwatch.ts';

/** How often each cipher ran, and over how many bytes. */
export type CipherCounts = {
  agreements: number;
  signatures: number;
  verifications: number;
  keystreamBytes: number;
  hashedBytes: number;
};

/** What one of each takes, in ms of CPU. */
export type CipherCosts = { readonly [Cipher in keyof CipherCounts]: number };

/** Text of a typical signature here. */
const text = randomBytes(160);

export async function measureCiphers(streamBytes: number): Promise<CipherCosts> {
  const agreement = generateKeyPairSync('x25519');
  const peer = generateKeyPairSync('x25519').publicKey;
  const signing = generateKeyPairSync('ed25519');
  const signature = sign(null, text, signing.privateKey);
  return {
    agreements: await costOf(() => diffieHellman({ privateKey: agreement.privateKey, publicKey: peer })),
    signatures: await costOf(() => sign(null, text, signing.privateKey)),
    verifications: await costOf(() => verify(null, text, signing.publicKey as KeyObject, signature)),
    keystreamBytes: (await costOf(keystream(streamBytes))) / streamBytes,
    hashedBytes: (await costOf(hashing(1 << 16))) / (1 << 16),
  };
}

/** What the same ciphers would take with nothing around them, in ms of CPU. */
export function bareCost(counts: CipherCounts, costs: CipherCosts): number {
  const names = Object.keys(counts) as (keyof CipherCounts)[];
  return names.reduce((total, name) => total + counts[name] * costs[name], 0);
}

/** A provider that also counts what it is asked for. */
export function counting(provider: CryptoProvider): CryptoProvider & { readonly counts: CipherCounts } {
  const counts = { agreements: 0, signatures: 0, verifications: 0, keystreamBytes: 0, hashedBytes: 0 };
  return {
    name: provider.name,
    counts,
    perform(job) {
      count(job, counts);
      return provider.perform(job);
    },
  };
}

function count(job: CryptoJob, counts: CipherCounts): void {
  if (job.do === 'agreeMany') counts.agreements += job.publicKeys.length;
  else if (job.do === 'signMany') counts.signatures += job.messages.length;
  else if (job.do === 'verifyMany') counts.verifications += job.signatures.length;
  else if (job.do === 'hashMany') for (const { length } of job.texts) counts.hashedBytes += length;
  if (job.do === 'publicKeys') {
    // A public key is a product with the base point, like an agreement or half a signature.
    counts.agreements += job.agreement.length;
    counts.signatures += job.signing.length;
  }
  if (job.do !== 'mask') return;
  const peers = job.agreements.reduce((total, agreement) => total + agreement.peers.length, 0);
  counts.agreements += peers;
  counts.keystreamBytes += (job.seeds.length + peers) * job.vector.byteLength;
}

/** One AES-128-CTR keystream, encrypting zeros. */
export function keystream(length: number): () => void {
  const zeros = new Uint8Array(length);
  const [key, counter] = [randomBytes(16), randomBytes(16)];
  return () => createCipheriv('aes-128-ctr', key, counter).update(zeros);
}

/** SHA-256 of one text. */
export function hashing(length: number): () => void {
  const zeros = new Uint8Array(length);
  return () => createHash('sha256').update(zeros).digest();
}

const batchMs = 8;
const batches = 5;

/** @returns ms of CPU for one call, in the quickest of a few batches */
export async function costOf(work: () => void): Promise<number> {
  let calls = 1;
  const repeated = () => {
    for (let call = 0; call < calls; call++) work();
  };
  while ((await leastOf(1, repeated)).cpuMs < batchMs) calls *= 2;
  return (await leastOf(batches, repeated)).cpuMs / calls;
}
