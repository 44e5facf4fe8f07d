import { bytes, utf8 } from '@chorale/shared';
import { nodeCrypto, nodePrimitives } from '@chorale/shared/adapters/node';
import type { CryptoJob, CryptoProvider, ResultOf } from '@chorale/shared/crypto';
import { seededRandom } from '@chorale/shared/testing';
import { expect, it } from 'vitest';
import { rememberingCrypto } from './remembering-crypto.ts';

const random = seededRandom('remembering crypto');
const [ours, theirs, signer] = [random.bytes(32), random.bytes(32), random.bytes(32)];
const smallOrder = bytes(32);

async function resultOf<Job extends CryptoJob>(crypto: CryptoProvider, job: Job): Promise<ResultOf<Job>> {
  return (await crypto.perform(job)) as ResultOf<Job>;
}

/** Everything that is remembered, well and badly formed, in an order in which one job meets what another has left. */
async function jobs(): Promise<readonly CryptoJob[]> {
  const crypto = nodeCrypto();
  const keys = { do: 'publicKeys', agreement: [ours, theirs], signing: [signer, ours] } as const;
  const { agreement, signing } = await resultOf(crypto, keys);
  const messages = [utf8('yes'), utf8('no'), bytes(0)];
  const sign = { do: 'signMany', secretKey: signer, messages } as const;
  const { signatures } = await resultOf(crypto, sign);
  const verify: CryptoJob = {
    do: 'verifyMany',
    signatures: signing.flatMap((publicKey) =>
      messages.flatMap((message) => signatures.map((signature) => ({ publicKey, message, signature }))),
    ),
  };
  const agree = (secretKey: typeof ours): CryptoJob => ({
    do: 'agreeMany',
    secretKey,
    publicKeys: [...agreement, smallOrder, signing[0]!],
  });
  const mask = (secretKey: typeof ours, publicKey: typeof ours, sign: 1 | -1): CryptoJob => ({
    do: 'mask',
    vector: Uint32Array.of(1, 2, 3),
    salt: utf8('salt'),
    seeds: [],
    agreements: [{ secretKey, peers: [{ publicKey, info: utf8('pair'), sign }] }],
  });
  const masks = [mask(ours, agreement[1]!, 1), mask(theirs, agreement[0]!, -1), mask(ours, smallOrder, 1)];
  return [verify, sign, verify, agree(ours), agree(theirs), agree(ours), keys, ...masks, sign, keys];
}

it('what is remembered is what Node would have said, of well and badly formed texts and keys', async () => {
  const [remembering, forgetful] = [rememberingCrypto(), nodeCrypto()];
  for (const job of await jobs()) expect(await remembering.perform(job), job.do).toEqual(await forgetful.perform(job));
});

it('whoever changes a result changes no memory of it', async () => {
  const crypto = rememberingCrypto();
  for (const job of await jobs()) {
    const first = await crypto.perform(job);
    const kept = structuredClone(first);
    for (const value of Object.values(first).flat()) if (value instanceof Uint8Array) value.fill(0);
    expect(await crypto.perform(job), job.do).toEqual(kept);
  }
});

it('each key is read once, each pair agrees once, and what was signed here is not verified', async () => {
  const calls = { reads: 0, agreements: 0, verifications: 0 };
  const crypto = rememberingCrypto({
    ...nodePrimitives,
    agreementPair: (secretKey) => {
      const pair = nodePrimitives.agreementPair(secretKey);
      calls.reads++;
      const agree: typeof pair.agree = (peer) => {
        calls.agreements++;
        return pair.agree(peer);
      };
      return { ...pair, agree };
    },
    verify: (signed) => {
      calls.verifications++;
      return nodePrimitives.verify(signed);
    },
  });
  const { agreement, signing } = await resultOf(crypto, {
    do: 'publicKeys',
    agreement: [ours, theirs],
    signing: [signer],
  });
  for (const [secretKey, publicKey] of [[ours, agreement[1]!] as const, [theirs, agreement[0]!] as const])
    await crypto.perform({ do: 'agreeMany', secretKey, publicKeys: [publicKey, publicKey] });
  const message = utf8('yes');
  const { signatures } = await resultOf(crypto, { do: 'signMany', secretKey: signer, messages: [message] });
  const signed = { publicKey: signing[0]!, message, signature: signatures[0]! };
  const forged = { ...signed, message: utf8('no') };
  const { valid } = await resultOf(crypto, { do: 'verifyMany', signatures: [signed, forged, forged] });
  expect(valid).toEqual([true, false, false]);
  expect(calls).toEqual({ reads: 2, agreements: 1, verifications: 1 });
});
