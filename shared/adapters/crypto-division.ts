/** How one big crypto job becomes several that run side by side, and their results one result again. */

import type { CryptoJob, CryptoResult } from '../crypto/provider.ts';
import { invariant } from '../errors.ts';
import { addModulo } from '../vectors.ts';

type MaskJob = Extract<CryptoJob, { do: 'mask' }>;
type Did<Kind extends CryptoResult['did']> = Extract<CryptoResult, { did: Kind }>;

/** Jobs whose results `unite` puts together to the result of `job`; at most `parts` of them, never none. */
export function divide(job: CryptoJob, parts: number): readonly CryptoJob[] {
  switch (job.do) {
    case 'agreeMany':
      return chunks(job.publicKeys, parts).map((publicKeys) => ({ ...job, publicKeys }));
    case 'signMany':
      return chunks(job.messages, parts).map((messages) => ({ ...job, messages }));
    case 'verifyMany':
      return chunks(job.signatures, parts).map((signatures) => ({ ...job, signatures }));
    case 'sealMany':
      return chunks(job.boxes, parts).map((boxes) => ({ ...job, boxes }));
    case 'openMany':
      return chunks(job.boxes, parts).map((boxes) => ({ ...job, boxes }));
    case 'hashMany':
      return chunks(job.texts, parts).map((texts) => ({ ...job, texts }));
    case 'reconstruct':
      return chunks(job.secrets, parts).map((secrets) => ({ ...job, secrets }));
    case 'mask':
      return divideMask(job, parts);
    case 'publicKeys':
    case 'split': // One seed makes all coefficients, so the secrets cannot go separate ways.
      return [job];
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
function divideMask(job: MaskJob, parts: number): readonly MaskJob[] {
  const seeds = job.seeds.map((seed) => ({ seed }));
  const peers = job.agreements.flatMap(({ peers }, agreement) => peers.map((peer) => ({ agreement, peer })));
  return chunks([...seeds, ...peers], parts).map((streams, part) => ({
    ...job,
    vector: part === 0 ? job.vector.slice() : new Uint32Array(job.vector.length),
    seeds: streams.flatMap((stream) => ('seed' in stream ? [stream.seed] : [])),
    agreements: agreementsOf(
      job,
      streams.flatMap((stream) => ('peer' in stream ? [stream] : [])),
    ),
  }));
}

type Peer = MaskJob['agreements'][number]['peers'][number];

/** Each secret key once, with those of its peers that are in this part: to prepare a key costs as much as to use it. */
function agreementsOf(
  job: MaskJob,
  streams: readonly { readonly agreement: number; readonly peer: Peer }[],
): MaskJob['agreements'] {
  const peersOf = new Map<number, Peer[]>();
  for (const { agreement, peer } of streams) {
    const peers = peersOf.get(agreement) ?? [];
    peersOf.set(agreement, peers);
    peers.push(peer);
  }
  return [...peersOf].map(([agreement, peers]) => ({ secretKey: job.agreements[agreement]!.secretKey, peers }));
}

/** Consecutive pieces whose lengths differ by at most one; one empty piece of nothing. */
function chunks<Item>(items: readonly Item[], parts: number): readonly (readonly Item[])[] {
  const count = Math.max(1, Math.min(parts, items.length));
  const start = (part: number) => Math.floor((part * items.length) / count);
  return Array.from({ length: count }, (_, part) => items.slice(start(part), start(part + 1)));
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
