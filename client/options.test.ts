import { base64url } from '@chorale/shared';
import { describe, expect, it } from 'vitest';
import { type ChoraleOptions, createClient } from './node.ts';
import { parseOptions } from './options.ts';

const good: ChoraleOptions = {
  clientKey: `pk_${'a'.repeat(22)}`,
  host: 'https://learn.example.com',
  coordinatorKey: base64url(new Uint8Array(32).fill(9)),
  defaults: '2026-11-23',
};

function refusal(options: object): string {
  try {
    createClient({ ...good, ...options } as ChoraleOptions);
    return 'none';
  } catch (error) {
    return String((error as Error).message);
  }
}

describe('options', () => {
  it('need four things and fill in the rest with what stands under the date', () => {
    const parsed = parseOptions(good);
    expect(parsed.floors).toMatchObject({
      minCohort: 32,
      minHonest: 16,
      minSigma: 80,
      mechanisms: ['distributed', 'central', 'none'],
    });
    expect(parsed.limits).toMatchObject({ roundsPerDay: 50, rhoPerYear: 1, retentionDays: 400 });
    expect(parsed.consent).toEqual({ default: 'denied', honorGPC: true });
    expect(parsed.rootKey).toHaveLength(32);
  });

  it('are refused with the name of the first wrong one, and without its value', () => {
    expect(refusal({})).toBe('none');
    expect(refusal({ clientKey: 'sk_secret_secret_secret_secret' })).toMatch(/clientKey.*publishable/);
    expect(refusal({ clientKey: 'sk_secret_secret_secret_secret' })).not.toContain('secret_');
    expect(refusal({ coordinatorKey: 'AAAA' })).toMatch(/coordinatorKey.*32 bytes/);
    expect(refusal({ defaults: '2027-01-01' })).toMatch(/defaults/);
    expect(refusal({ colour: 'blue' })).toMatch(/createClient/);
    expect(refusal({ sources: { mine: 5 } })).toMatch(/sources\.mine/);
  });

  it('take http only on the machine itself', () => {
    for (const host of ['http://localhost:8080', 'http://127.0.0.1', 'http://[::1]:1'])
      expect(refusal({ host })).toBe('none');
    for (const host of ['http://learn.example.com', 'ftp://localhost', 'learn.example.com', '']) {
      expect(refusal({ host })).toMatch(/host.*https/);
    }
  });

  it('can lower a floor only so far', () => {
    expect(refusal({ floors: { minCohort: 10, minHonest: 5 } })).toBe('none');
    expect(refusal({ floors: { minCohort: 9 } })).toMatch(/floors\.minCohort/);
    expect(refusal({ floors: { minHonest: 4 } })).toMatch(/floors\.minHonest/);
    expect(refusal({ floors: { minRoundDevices: 16_384 } })).toBe('none');
    expect(refusal({ floors: { minRoundDevices: 16_385 } })).toMatch(/floors\.minRoundDevices/);
  });
});
