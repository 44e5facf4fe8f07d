import fc from 'fast-check';
import nacl from 'tweetnacl';
import { describe, expect, it } from 'vitest';
import { base64url, bytes, fromUtf8, hex, tag } from '../bytes.ts';
import { deviceIdFromBytes, newId } from '../ids.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { canonicalJson } from './canonical-json.ts';
import { decisionOf } from './consent.ts';
import { policyHash, policyVersion } from './policy.ts';
import {
  createReceipt,
  type NewReceipt,
  receiptHash,
  receiptText,
  type SignedReceipt,
  signedReceipt,
  signedText,
  signingJob,
  withSignature,
} from './receipt.ts';

const random = seededRandom('receipts');
const now = Date.UTC(2026, 10, 23);
const text = { language: 'en', text: 'We add up, we do not look.' };
const fields: NewReceipt = {
  id: newId('receipt', now, random),
  task: newId('task', now, random),
  device: deviceIdFromBytes(bytes(16)),
  policy: { sha256: policyVersion(text) },
  language: 'en',
  decisions: { training: 'granted', scoring: 'granted', diagnostics: 'denied' },
  method: 'choice',
  decidedAt: now,
};
const keys = nacl.sign.keyPair.fromSeed(random.bytes(32));

/** What a crypto provider does with the job; here one library stands in for any of them. */
function sign(given: NewReceipt): SignedReceipt {
  const receipt = createReceipt(given);
  const { messages } = signingJob(receipt, random.bytes(32));
  return withSignature(receipt, new Uint8Array(nacl.sign.detached(messages[0]!, keys.secretKey)));
}

function isValid(signed: SignedReceipt): boolean {
  const { message, signature, publicKey } = signedText(signed, new Uint8Array(keys.publicKey));
  return nacl.sign.detached.verify(message, signature, publicKey);
}

describe('a signed receipt', () => {
  it('verifies after it has been through JSON, in whatever order its members come back', () => {
    const signed = sign(fields);
    const { receipt, signature } = JSON.parse(JSON.stringify(signed));
    const reordered = { signature, receipt: Object.fromEntries(Object.entries(receipt).reverse()) };
    expect(isValid(signedReceipt.parse(reordered))).toBe(true);
  });

  it('no longer verifies when any field is another', () => {
    const signed = sign(fields);
    const changes: Partial<NewReceipt>[] = [
      { id: newId('receipt', now + 1, random) },
      { task: newId('task', now + 1, random) },
      { device: deviceIdFromBytes(bytes(16).fill(1)) },
      { policy: { sha256: policyVersion({ ...text, text: 'We add up, we do not look!' }) } },
      { language: 'de' },
      { decisions: { ...fields.decisions, diagnostics: 'granted' } },
      { method: 'signal' },
      { decidedAt: now + 1 },
      { expiresAt: now + 1 },
    ];
    expect(isValid(signed)).toBe(true);
    for (const change of changes) {
      expect(isValid({ ...signed, receipt: createReceipt({ ...fields, ...change }) }), JSON.stringify(change)).toBe(
        false,
      );
    }
  });

  it('is signed under a tag of its own, over canonical JSON', () => {
    const prefix = tag('chorale/consent/receipt/v1');
    const message = receiptText(createReceipt(fields));
    expect(message.subarray(0, prefix.length)).toEqual(prefix);
    expect(fromUtf8(message.subarray(prefix.length))).toBe(
      `{"decidedAt":${now},"decisions":{"diagnostics":"denied","scoring":"granted","training":"granted"},` +
        `"device":"${fields.device}","id":"${fields.id}","language":"en","method":"choice",` +
        `"policy":{"sha256":"${fields.policy.sha256}"},"schema":"chorale/consent/receipt/v1","task":"${fields.task}"}`,
    );
  });

  it('is named by a hash that covers its signature', () => {
    const [signed, other] = [sign(fields), withSignature(createReceipt(fields), bytes(64))];
    expect(receiptHash(signed)).toHaveLength(32);
    expect(receiptHash(signed)).not.toEqual(receiptHash(other));
  });

  it('is judged as the decision that it records', () => {
    expect(decisionOf(createReceipt({ ...fields, expiresAt: now + 5 }))).toEqual({
      kind: 'decided',
      at: now,
      policy: fields.policy.sha256,
      decisions: fields.decisions,
      expiresAt: now + 5,
    });
  });
});

describe('refused as a receipt', () => {
  const signed = JSON.parse(JSON.stringify(sign(fields)));
  const accepts = (changes: object, outer: object = {}) =>
    signedReceipt.safeParse({ ...signed, ...outer, receipt: { ...signed.receipt, ...changes } }).success;

  it.each([
    ['an unknown field', { note: 'hello' }],
    ['an unknown purpose', { decisions: { selling: 'granted' } }],
    ['an unknown decision', { decisions: { training: 'maybe' } }],
    ['no decision at all', { decisions: {} }],
    ['another schema', { schema: 'chorale/consent/receipt/v2' }],
    ['an id of another kind', { id: fields.task }],
    ['a device that is none', { device: 'me' }],
    ['an instant with a fraction', { decidedAt: 0.5 }],
    ['a policy that is no hash', { policy: { sha256: 'latest' } }],
  ])('%s', (_, changes) => {
    expect(accepts({})).toBe(true);
    expect(accepts(changes)).toBe(false);
  });

  it('a signature that is not 64 bytes', () => {
    expect(accepts({}, { signature: base64url(bytes(63)) })).toBe(false);
    expect(accepts({}, { signature: `${base64url(bytes(64)).slice(0, -1)}B` })).toBe(false);
    expect(accepts({}, { signature: base64url(bytes(64)) })).toBe(true);
  });
});

describe('canonical JSON', () => {
  it('parses to the same value and does not depend on the order of names', () => {
    const leaf = fc.oneof(fc.string({ unit: 'binary' }), fc.maxSafeInteger(), fc.boolean(), fc.constant(null));
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 3 },
        leaf,
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(fc.string(), tie('tree'), { maxKeys: 4, noNullPrototype: true }),
      ),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        const json = canonicalJson(value as never);
        expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(JSON.parse(json))).toBe(json);
      }),
      { numRuns: 50 },
    );
    expect(canonicalJson({ b: 1, a: [true, null], c: undefined })).toBe(canonicalJson({ a: [true, null], b: 1 }));
  });

  it('refuses numbers whose text is a matter of taste', () => {
    for (const number of [0.1, 1e21, Number.NaN]) expect(() => canonicalJson([number])).toThrow(RangeError);
  });
});

it('a policy version is the SHA-256 of the exact text, and nothing else', () => {
  expect(policyVersion({ language: 'en', text: 'abc' })).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
  expect(hex(policyHash({ language: 'de', text: 'abc' }))).toBe(policyVersion({ language: 'en', text: 'abc' }));
  expect(policyVersion({ language: 'en', text: 'abc ' })).not.toBe(policyVersion({ language: 'en', text: 'abc' }));
});
