import { fromBase64url, type Store } from '@chorale/shared';
import { memoryStore } from '@chorale/shared/adapters/node';
import { decodePlanKeyCertificate } from '@chorale/shared/secagg';
import { describe, expect, it } from 'vitest';
import { learningTask, openChoir } from '../testing/choir.ts';

/** A coordinator whose store counts what is read, and may refuse. */
async function watched() {
  const inner = memoryStore();
  const seen = { reads: 0, isGone: false };
  const read = <Found>(from: () => Promise<Found>): Promise<Found> => {
    seen.reads++;
    return seen.isGone ? Promise.reject(new Error('the disk is gone')) : from();
  };
  const store: Store = {
    ...inner,
    get: (key) => read(() => inner.get(key)),
    range: (query) => read(() => inner.range(query)),
  };
  const choir = await openChoir({ store });
  const ask = async (path: string) => {
    const route = choir.coordinator.routes.find((one) => one.path === path)!;
    const answer = await route.answer({ params: {}, query: {}, body: undefined, header: () => undefined });
    return answer.as === 'json' ? answer.json : answer.as === 'text' ? answer.text : undefined;
  };
  return { ...choir, seen, ask };
}

describe('the status', () => {
  const path = '/api/v1/status';

  it('is read from the store once a second at most, also by many at once and for the page', async () => {
    const { ask, seen, clock } = await watched();
    await ask(path);
    const once = seen.reads;
    await Promise.all([ask(path), ask('/'), ask(path)]);
    await clock.advance(999);
    await ask(path);
    expect(seen.reads).toBe(once);
    await clock.advance(1);
    await ask(path);
    expect(seen.reads).toBeGreaterThan(once);
  });

  it('counts connections, of which a device has one for each of its tasks, and says so', async () => {
    const { coordinator, join, ask } = await watched();
    for (const name of ['one', 'two']) await join(await coordinator.tasks.create(learningTask({ name })));
    expect(await ask(path)).toMatchObject({ connected: 2, tasks: [{ connected: 1 }, { connected: 1 }] });
    expect(await ask('/')).toContain('<b>2</b> connections, one for each device and task');
  });

  it('that could not be read is read again', async () => {
    const { ask, seen } = await watched();
    seen.isGone = true;
    await expect(ask(path)).rejects.toThrow('the disk is gone');
    seen.isGone = false;
    expect(await ask(path)).toMatchObject({ tasks: [] });
  });
});

describe('readiness', () => {
  it.each(['/ready', '/api/v1/ready'])('at %s is asked of the store once a second at most', async (path) => {
    const { ask, seen, clock } = await watched();
    const before = seen.reads;
    await Promise.all([ask(path), ask('/ready'), ask('/api/v1/ready')]);
    await clock.advance(999);
    expect(await ask(path)).toEqual({ status: 'ready' });
    expect(seen.reads).toBe(before + 1);
    await clock.advance(1);
    seen.isGone = true;
    await expect(ask(path)).rejects.toThrow('the disk is gone');
    seen.isGone = false;
    expect(await ask(path)).toEqual({ status: 'ready' });
  });
});

describe('the keys', () => {
  const path = '/api/v1/keys';

  it('cost the store nothing, and name a new task at once', async () => {
    const { ask, seen, coordinator } = await watched();
    const certified = async () => {
      const { planKeyCertificate } = (await ask(path)) as { planKeyCertificate: string };
      return decodePlanKeyCertificate(fromBase64url(planKeyCertificate)).tasks;
    };
    const first = await coordinator.tasks.create(learningTask());
    const before = seen.reads;
    expect(await certified()).toEqual([first.id]);
    expect(await ask(path)).toBe(await ask(path));
    expect(seen.reads).toBe(before);
    const second = await coordinator.tasks.create(learningTask());
    expect(await certified()).toEqual([first.id, second.id]);
  });
});
