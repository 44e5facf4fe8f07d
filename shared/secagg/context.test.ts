import { describe, expect, it } from 'vitest';
import { seededRandom } from '../testing/seeded-random.ts';
import { shareKinds, shareText, shareTexts } from './context.ts';

describe('the texts of many shares of one secret', () => {
  const random = seededRandom('share texts');
  const ctx = random.bytes(32);
  const shares = [0, 1, 255, 256, 70_000].map((holder) => ({
    holder,
    share: random.bytes(32),
    salt: random.bytes(16),
  }));

  it.each(Object.values(shareKinds))('are those of each share: kind %i', (kind) => {
    const expected = shares.map((share) => shareText(ctx, { dealer: 259, holder: share.holder, kind }, share));
    expect(shareTexts(ctx, { dealer: 259, kind }, shares)).toEqual(expected);
    expect(shareTexts(ctx, { dealer: 259, kind }, [])).toEqual([]);
  });
});
