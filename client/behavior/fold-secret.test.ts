import { memoryStore } from '@chorale/shared/adapters/node';
import { seededRandom } from '@chorale/shared/testing';
import { expect, it } from 'vitest';
import { foldSecret } from './fold-secret.ts';

it('a device keeps the secret that places it, whichever tab asks and whenever', async () => {
  const store = memoryStore();
  const [one, other] = await Promise.all([foldSecret(store, seededRandom(1)), foldSecret(store, seededRandom(2))]);
  expect(one).toEqual(other);
  expect(await foldSecret(store, seededRandom(3))).toEqual(one);
  expect(one.length).toBe(32);
  expect(await foldSecret(memoryStore(), seededRandom(3))).not.toEqual(one);
});
