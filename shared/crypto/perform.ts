/** Turns the primitives of a platform into a provider: checks what comes in, then does each job in order. */

import { type Bytes, bytes } from '../bytes.ts';
import { wordSum } from '../kernels/word-sum.ts';
import { hkdf } from './hashing.ts';
import { keystreamOf, maximalWords, seedBytes } from './keystream.ts';
import type { AgreementPair, Awaitable, Primitives } from './primitives.ts';
import type { CryptoJob, CryptoProvider, CryptoResult, ResultOf, Stream } from './provider.ts';
import {
  areHolders,
  coefficientBytes,
  coefficientSeed,
  reconstructSecrets,
  secretBytes,
  splitSecrets,
} from './shamir.ts';
import { isAgreementKey, isSharedSecret, isSignedText, keyBytes } from './validation.ts';

const boxTagBytes = 16;

type Job<Kind extends CryptoJob['do']> = Extract<CryptoJob, { do: Kind }>;
type Answer<Kind extends CryptoJob['do']> = Promise<ResultOf<Job<Kind>>>;

export function providerOf(primitives: Primitives): CryptoProvider {
  return { name: primitives.name, perform: (job) => perform(primitives, job) };
}

/** Answers a job with its result; bad input from a peer gives the result's own "no", bad input of ours gives `fail`. */
export async function perform(primitives: Primitives, job: CryptoJob): Promise<CryptoResult> {
  try {
    return await dispatch(primitives, job);
  } catch (error) {
    if (error instanceof Refusal) return { did: 'fail', reason: error.message };
    throw error;
  }
}

/** Why a job cannot be done. Never leaves this file: a job is answered with a value. */
class Refusal extends Error {}

function refuseUnless(claim: boolean, reason: string): void {
  if (!claim) throw new Refusal(reason);
}

function dispatch(primitives: Primitives, job: CryptoJob): Promise<CryptoResult> {
  switch (job.do) {
    case 'publicKeys':
      return publicKeys(primitives, job);
    case 'agreeMany':
      return agreeMany(primitives, job);
    case 'signMany':
      return signMany(primitives, job);
    case 'verifyMany':
      return verifyMany(primitives, job);
    case 'sealMany':
      return sealMany(primitives, job);
    case 'openMany':
      return openMany(primitives, job);
    case 'hashMany':
      return hashMany(primitives, job);
    case 'split':
      return split(primitives, job);
    case 'reconstruct':
      return reconstruct(job);
    case 'mask':
      return mask(primitives, job);
  }
}

async function publicKeys(on: Primitives, { agreement, signing }: Job<'publicKeys'>): Answer<'publicKeys'> {
  refuseUnlessKeys([...agreement, ...signing]);
  return {
    did: 'publicKeys',
    agreement: await each(on, agreement, async (secretKey) => (await on.agreementPair(secretKey)).publicKey()),
    signing: await each(on, signing, async (secretKey) => (await on.signingPair(secretKey)).publicKey()),
  };
}

async function agreeMany(on: Primitives, { secretKey, publicKeys }: Job<'agreeMany'>): Answer<'agreeMany'> {
  refuseUnlessKeys([secretKey]);
  const pair = await on.agreementPair(secretKey);
  return { did: 'agreeMany', secrets: await each(on, publicKeys, (publicKey) => agree(pair, publicKey)) };
}

async function signMany(on: Primitives, { secretKey, messages }: Job<'signMany'>): Answer<'signMany'> {
  refuseUnlessKeys([secretKey]);
  const pair = await on.signingPair(secretKey);
  return { did: 'signMany', signatures: await each(on, messages, (message) => pair.sign(message)) };
}

async function verifyMany(on: Primitives, { signatures }: Job<'verifyMany'>): Answer<'verifyMany'> {
  const valid = await each(on, signatures, (signed) => isSignedText(signed) && on.verify(signed));
  return { did: 'verifyMany', valid };
}

async function sealMany(on: Primitives, { boxes }: Job<'sealMany'>): Answer<'sealMany'> {
  refuseUnlessKeys(boxes.map(({ key }) => key));
  return { did: 'sealMany', sealed: await each(on, boxes, ({ key, plain }) => on.seal(key, plain)) };
}

async function openMany(on: Primitives, { boxes }: Job<'openMany'>): Answer<'openMany'> {
  refuseUnlessKeys(boxes.map(({ key }) => key));
  const opened = await each(on, boxes, ({ key, sealed }) =>
    sealed.length < boxTagBytes ? undefined : on.open(key, sealed),
  );
  return { did: 'openMany', opened };
}

async function hashMany(on: Primitives, { texts }: Job<'hashMany'>): Answer<'hashMany'> {
  return { did: 'hashMany', hashes: await each(on, texts, (text) => on.hash(text)) };
}

async function split(on: Primitives, { secrets, threshold, points, randomness }: Job<'split'>): Answer<'split'> {
  refuseUnless(
    secrets.every(({ length }) => length === secretBytes),
    'a shared secret has 32 bytes',
  );
  refuseUnless(randomness.length === keyBytes, 'the seed of the coefficients has 32 bytes');
  refuseUnless(areHolders(points), 'holders stand at distinct points in 1..65535');
  refuseUnless(
    Number.isInteger(threshold) && threshold >= 1 && threshold <= points.length,
    'too few holders to reconstruct',
  );
  const zeros = bytes(coefficientBytes(secrets.length, threshold));
  const stream = await on.encryptCounterMode(keystreamOf(coefficientSeed(randomness), zeros));
  return { did: 'split', shares: splitSecrets(secrets, { threshold, points }, stream) };
}

async function reconstruct({ secrets }: Job<'reconstruct'>): Answer<'reconstruct'> {
  return { did: 'reconstruct', secrets: reconstructSecrets(secrets) };
}

/** A stream whose secret is known, or is still to be agreed upon. */
type Source = Stream & { readonly secret: () => Awaitable<Bytes | undefined> };

/** The vector of the job stays as it is; the result is a new one. */
async function mask(on: Primitives, job: Job<'mask'>): Answer<'mask'> {
  refuseUnless(job.vector.length <= maximalWords, 'the vector is longer than a keystream');
  const sources = await sourcesOf(on, job);
  const zeros = bytes(4 * job.vector.length);
  const sum = wordSum(job.vector);
  const add = (stream: Bytes, { sign }: Source) => (sign === 1 ? sum.add(stream) : sum.subtract(stream));
  await inOrder(on, sources, (source) => expand(on, source, job.salt, zeros), add);
  return { did: 'mask', vector: sum.words() };
}

async function sourcesOf(on: Primitives, { seeds, agreements }: Job<'mask'>): Promise<Source[]> {
  refuseUnlessKeys(agreements.map(({ secretKey }) => secretKey));
  const pairs = await each(on, agreements, ({ secretKey }) => on.agreementPair(secretKey));
  return [
    ...seeds.map(({ secret, info, sign }) => ({ info, sign, secret: () => secret })),
    ...agreements.flatMap(({ peers }, i) =>
      peers.map(({ publicKey, info, sign }) => ({ info, sign, secret: () => agree(pairs[i]!, publicKey) })),
    ),
  ];
}

async function expand(on: Primitives, { secret, info }: Source, salt: Bytes, zeros: Bytes): Promise<Bytes> {
  const known = await secret();
  if (known === undefined) throw new Refusal('a pairwise mask has an unacceptable public key');
  return on.encryptCounterMode(keystreamOf(hkdf(known, salt, info, seedBytes), zeros));
}

async function agree(pair: AgreementPair, publicKey: Bytes): Promise<Bytes | undefined> {
  if (!isAgreementKey(publicKey)) return undefined;
  const secret = await pair.agree(publicKey);
  return isSharedSecret(secret) ? secret : undefined;
}

function refuseUnlessKeys(keys: readonly Bytes[]): void {
  refuseUnless(
    keys.every(({ length }) => length === keyBytes),
    'a key has 32 bytes',
  );
}

/** The results in the order of the items. */
async function each<Item, Result>(
  on: Primitives,
  items: readonly Item[],
  work: (item: Item) => Awaitable<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  await inOrder(on, items, work, (result) => results.push(result));
  return results;
}

/** Works on as many items at a time as the platform likes, and takes the results in the order of the items. */
async function inOrder<Item, Result>(
  { concurrency }: Primitives,
  items: readonly Item[],
  work: (item: Item) => Awaitable<Result>,
  take: (result: Result, item: Item) => void,
): Promise<void> {
  // A batch of one needs no promise of its own: that would cost a hash as much as the hashing.
  if (concurrency === 1) {
    for (const item of items) take(await work(item), item);
    return;
  }
  for (let start = 0; start < items.length; start += concurrency) {
    const batch = items.slice(start, start + concurrency);
    const results = await Promise.all(batch.map(work));
    results.forEach((result, i) => {
      take(result, batch[i]!);
    });
  }
}
