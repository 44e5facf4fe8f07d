import { describe, expect, it } from 'vitest';
import { whyNotNow } from './eligibility.ts';

const strict = { whenIdle: true, whenCharging: true };
const good = { isSavingData: false, isCharging: true, isIdle: true };

describe('eligibility', () => {
  it('lets a charging, idle device train, and one that cannot tell', () => {
    expect(whyNotNow(good, strict)).toBeUndefined();
    expect(whyNotNow({ isSavingData: undefined, isCharging: undefined, isIdle: undefined }, strict)).toBeUndefined();
  });

  it('holds back a device that saves data under every policy', () => {
    expect(whyNotNow({ ...good, isSavingData: true }, { whenIdle: false, whenCharging: false })).toBe('saving-data');
  });

  it('asks for power and idleness only where the policy does', () => {
    const busy = { isSavingData: false, isCharging: false, isIdle: false };
    expect(whyNotNow(busy, { whenIdle: false, whenCharging: false })).toBeUndefined();
    expect(whyNotNow(busy, { whenIdle: true, whenCharging: false })).toBe('in-use');
    expect(whyNotNow(busy, strict)).toBe('not-charging');
  });
});
