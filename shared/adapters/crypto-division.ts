/** How one big crypto job becomes several that run side by side, and their results one result again. */

import type { CryptoJob, CryptoResult } from '../crypto/provider.ts';
import { invariant } from '../errors.ts';
import { addModulo } from '../vectors.ts';

type MaskJob = Extract<CryptoJob, { do: 'mask' }>;
type Did<Kind extends CryptoResult['did']> = Extract<CryptoResult, { did: Kind }>;

/**
 * Jobs whose results `unite` puts together to the result of `job`; at most `parts` of them, never none. Each is made when
 * it is asked for: to make all parts of a large job at once would keep its thread busy, and hold their vectors until then.
 */
export function* divide(job: CryptoJob, parts: number): Generator<CryptoJob, void, undefined> {
  switch (job.do) {
    case 'agreeMany':
      for (const publicKeys of chunks(job.publicKeys, parts)) yield { ...job, publicKeys };
      break;
    case 'signMany':
      for (const messages of chunks(job.messages, parts)) yield { ...job, messages };
      break;
    case 'verifyMany':
      for (const signatures of chunks(job.signatures, parts)) yield { ...job, signatures };
      break;
    case 'sealMany':
      for (const boxes of chunks(job.boxes, parts)) yield { ...job, boxes };
      break;
    case 'openMany':
      for (const boxes of chunks(job.boxes, parts)) yield { ...job, boxes };
      break;
    case 'hashMany':
      for (const texts of chunks(job.texts, parts)) yield { ...job, texts };
      break;
    case 'reconstruct':
      for (const secrets of chunks(job.secrets, parts)) yield { ...job, secrets };
      break;
    case 'mask':
      yield* divideMask(job, parts);
      break;
    case 'publicKeys':
    case 'split': // One seed makes all coefficients, so the secrets cannot go separate ways.
      yield job;
  }
}

/** The result of `job`, given those of its parts in order; it fails if any part failed. */
export function unite(job: CryptoJob, results: readonly CryptoResult[]): CryptoResult {
  const failure = results.find((result) => result.did === 'fail');
  if (failure !== undefined) return failure;
  switch (job.do) {
    case 'agreeMany':
      return { did: job.do, secrets: all(job.do, results).flatMap((part) => part.secrets) };
    case 'signMany':
      return { did: job.do, signatures: all(job.do, results).flatMap((part) => part.signatures) };
    case 'verifyMany':
      return { did: job.do, valid: all(job.do, results).flatMap((part) => part.valid) };
    case 'sealMany':
      return { did: job.do, sealed: all(job.do, results).flatMap((part) => part.sealed) };
    case 'openMany':
      return { did: job.do, opened: all(job.do, results).flatMap((part) => part.opened) };
    case 'hashMany':
      return { did: job.do, hashes: all(job.do, results).flatMap((part) => part.hashes) };
    case 'reconstruct':
      return { did: job.do, secrets: all(job.do, results).flatMap((part) => part.secrets) };
    case 'mask':
      return { did: job.do, vector: total(all(job.do, results).map((part) => part.vector)) };
    case 'publicKeys':
    case 'split':
      invariant(results.length === 1, `a ${job.do} job is never divided`);
      return results[0]!;
  }
}

/** The first part masks the vector itself, the others mask zeros: the sum of the parts is the masked vector. */
function* divideMask(job: MaskJob, parts: number): Generator<MaskJob, void, undefined> {
  const { vector, seeds, agreements } = job;
  const streams = agreements.reduce((count, { peers }) => count + peers.length, seeds.length);
  for (const { from, to } of ranges(streams, parts)) {
    yield {
      ...job,
      vector: from === 0 ? vector.slice() : new Uint32Array(vector.length),
      seeds: seeds.slice(from, to),
      agreements: agreementsWithin(job, from - seeds.length, to - seeds.length),
    };
  }
}

/**
 * The peers from one number to another, counted through all agreements. Each secret key comes once, with those of its
 * peers that are in this part: to prepare a key costs as much as to use it.
 */
function agreementsWithin({ agreements }: MaskJob, from: number, to: number): MaskJob['agreements'] {
  let before = 0;
  return agreements.flatMap(({ secretKey, peers: all }) => {
    const first = before;
    before += all.length;
    const peers = all.slice(Math.max(0, from - first), Math.max(0, to - first));
    return peers.length === 0 ? [] : [{ secretKey, peers }];
  });
}

function* chunks<Item>(items: readonly Item[], parts: number): Generator<readonly Item[], void, undefined> {
  for (const { from, to } of ranges(items.length, parts)) yield items.slice(from, to);
}

/** Consecutive pieces whose lengths differ by at most one; one empty piece of nothing. */
function ranges(length: number, parts: number): readonly { readonly from: number; readonly to: number }[] {
  const count = Math.max(1, Math.min(parts, length));
  const start = (part: number) => Math.floor((part * length) / count);
  return Array.from({ length: count }, (_, part) => ({ from: start(part), to: start(part + 1) }));
}

function all<Kind extends CryptoResult['did']>(kind: Kind, results: readonly CryptoResult[]): readonly Did<Kind>[] {
  return results.map((result) => {
    invariant(result.did === kind, `a part of a ${kind} job was answered by ${result.did}`);
    return result as Did<Kind>; // The comparison of two generic kinds does not narrow the union.
  });
}

function total(vectors: readonly Uint32Array<ArrayBuffer>[]): Uint32Array<ArrayBuffer> {
  const [sum, ...terms] = vectors;
  invariant(sum !== undefined, 'a mask job has at least one part');
  for (const term of terms) addModulo(sum, term);
  return sum;
}
