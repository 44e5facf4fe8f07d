import { newId, utf8 } from '@chorale/shared';
import { memoryStore } from '@chorale/shared/adapters/node';
import type { PrivacyPolicy } from '@chorale/shared/privacy';
import { seededRandom } from '@chorale/shared/testing';
import { expect, it } from 'vitest';
import { keptPromise } from './task-promise.ts';

const task = newId('task', 1_700_000_000_000, seededRandom('promise'));
const [text, another] = ['ab'.repeat(32), 'cd'.repeat(32)];
const promised: PrivacyPolicy = {
  ...{ mechanism: 'distributed', unit: 'device-enrolment', epsilon: 1, delta: 1e-5, participations: 10 },
};
const weaker: PrivacyPolicy[] = [
  { mechanism: 'none' },
  { ...promised, epsilon: 8 },
  { ...promised, participations: 1 },
];

it('what a task promised first is what it is held to, whatever it shows later', async () => {
  const store = memoryStore();
  expect(await keptPromise(task, text, promised, store)).toEqual(promised);
  for (const shown of weaker) expect(await keptPromise(task, text, shown, store)).toEqual(promised);
});

it('who agrees to another text agrees anew', async () => {
  const store = memoryStore();
  await keptPromise(task, text, promised, store);
  expect(await keptPromise(task, another, weaker[0]!, store)).toEqual(weaker[0]);
  expect(await keptPromise(task, text, weaker[0]!, store)).toEqual(promised);
});

it('of two tabs that join at once, both hold the task to the same', async () => {
  const store = memoryStore();
  const both = await Promise.all([
    keptPromise(task, text, promised, store),
    keptPromise(task, text, weaker[0]!, store),
  ]);
  expect(both[0]).toEqual(both[1]);
});

it('a record that cannot be read is written anew', async () => {
  const store = memoryStore();
  await keptPromise(task, text, promised, store);
  await store.compareAndSet(`promise/${task}/${text}`, await store.get(`promise/${task}/${text}`), utf8('{'));
  expect(await keptPromise(task, text, promised, store)).toEqual(promised);
});
