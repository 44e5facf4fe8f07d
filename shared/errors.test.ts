import { describe, expect, it } from 'vitest';
import { ChoraleError, errorCodes, invariant } from './errors.ts';

describe('a refusal', () => {
  it('carries its code, its sentence, when to try again and what caused it', () => {
    const cause = new Error('ENOSPC');
    const error = new ChoraleError('store-unavailable', 'the disk is full', { retryAfterMs: 5000, cause });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: 'ChoraleError', code: 'store-unavailable', message: 'the disk is full' });
    expect([error.retryAfterMs, error.cause]).toEqual([5000, cause]);
  });

  it('has neither a wait nor a cause unless told', () => {
    const error = new ChoraleError('not-found', 'there is no such task');
    expect(error.retryAfterMs).toBeUndefined();
    expect('cause' in error).toBe(false);
  });

  it('has codes that are distinct and fit into a URL', () => {
    expect(new Set(errorCodes).size).toBe(errorCodes.length);
    for (const code of errorCodes) expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
  });
});

describe('an invariant', () => {
  it('throws when it is broken, and not as a refusal', () => {
    expect(() => invariant(true, 'holds')).not.toThrow();
    const broken = () => invariant(false, 'masks cancel');
    expect(broken).toThrow('invariant: masks cancel');
    expect(broken).not.toThrow(ChoraleError);
  });
});
