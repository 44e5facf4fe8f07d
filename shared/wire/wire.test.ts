import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base64url, bytes, concat, utf8 } from '../bytes.ts';
import { ChoraleError } from '../errors.ts';
import {
  bytesField,
  canonicalJson,
  decodeBroadcast,
  decodePlanBundle,
  encodeBroadcast,
  encodePlanBundle,
  fromProblem,
  parseInput,
  problem,
  toProblem,
  u64Field,
} from './index.ts';

function codeOf(work: () => unknown): string {
  try {
    work();
    return 'none';
  } catch (error) {
    return error instanceof ChoraleError ? error.code : 'not coded';
  }
}

describe('plan bundle', () => {
  const bundle = {
    plan: bytes(288).fill(1),
    signature: bytes(64).fill(2),
    planKeyCertificate: bytes(133).fill(3),
    broadcast: utf8('{}'),
  };

  it('comes back as it went, with and without the broadcast', () => {
    expect(decodePlanBundle(encodePlanBundle(bundle))).toEqual(bundle);
    const large = { ...bundle, broadcast: undefined };
    expect(decodePlanBundle(encodePlanBundle(large))).toEqual(large);
  });

  it('refuses truncated, oversized and lying bundles with a code', () => {
    const whole = encodePlanBundle(bundle);
    expect(codeOf(() => decodePlanBundle(whole.slice(0, 355)))).toBe('invalid-input');
    expect(codeOf(() => decodePlanBundle(concat(whole, bytes(100_000))))).toBe('invalid-input');
    whole[352] = 0xff;
    expect(codeOf(() => decodePlanBundle(whole))).toBe('invalid-input');
  });

  it('answers any bytes with a bundle or a code', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), (value) => {
        expect(['none', 'invalid-input']).toContain(codeOf(() => decodePlanBundle(value)));
        expect(['none', 'invalid-input']).toContain(codeOf(() => decodeBroadcast(value)));
      }),
    );
  });
});

describe('broadcast', () => {
  it('comes back as it went', () => {
    const value = { examples: { source: 'transactions/1', label: 'purchase-7d' }, algorithm: { parameters: 'AAAA' } };
    for (const sent of [value, { ...value, rounding: 'nearest' as const }])
      expect(decodeBroadcast(encodeBroadcast(sent))).toEqual(sent);
  });
});

describe('fields', () => {
  it('takes exactly the asked number of bytes in canonical base64url', () => {
    const field = bytesField(3);
    expect(parseInput(field, base64url(bytes(3)), 'key')).toBe('AAAA');
    for (const wrong of ['AAA', 'AAAAA', 'AA==', '----A', 5, null])
      expect(codeOf(() => parseInput(field, wrong, 'key'))).toBe('invalid-input');
  });

  it('takes every u64 and nothing beyond', () => {
    expect(parseInput(u64Field, (2n ** 64n - 1n).toString(), 'round')).toBe('18446744073709551615');
    for (const wrong of [(2n ** 64n).toString(), '-1', '01', '1e3', 7])
      expect(codeOf(() => parseInput(u64Field, wrong, 'round'))).toBe('invalid-input');
  });
});

describe('problem details', () => {
  it('carry an error there and back', () => {
    const error = new ChoraleError('rate-limited', 'Try later.', { retryAfterMs: 500 });
    const back = fromProblem(parseInput(problem, JSON.parse(JSON.stringify(toProblem(error))), 'problem'));
    expect([back.code, back.message, back.retryAfterMs]).toEqual(['rate-limited', 'Try later.', 500]);
  });

  it('never repeat the refused value', () => {
    const secret = 'a-private-value';
    try {
      parseInput(u64Field, secret, 'round');
    } catch (error) {
      expect(String(error)).not.toContain(secret);
    }
  });
});

describe('canonical JSON', () => {
  it('does not depend on the order in which members were written', () => {
    expect(canonicalJson({ b: [1, { d: 2, c: undefined }], a: 'x' })).toBe('{"a":"x","b":[1,{"d":2}]}');
  });
});
