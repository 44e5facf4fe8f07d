import { type Coordinator, createCoordinator } from '@chorale/coordinator';
import { memoryStore, nodeCrypto } from '@chorale/shared/adapters/node';
import { seededRandom, virtualClock } from '@chorale/shared/testing';
import { routes } from '@chorale/shared/wire';
import { beforeAll, describe, expect, it } from 'vitest';
import { routeFetch } from './route-fetch.ts';

let coordinator: Coordinator;
beforeAll(async () => {
  const random = seededRandom('route fetch');
  coordinator = await createCoordinator({ store: memoryStore(), clock: virtualClock(), random, crypto: nodeCrypto() });
});

const ask = (path: string, key?: string, body?: unknown) =>
  routeFetch(() => coordinator)(`http://localhost${path}`, {
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
  });

describe('a fetch without a network', () => {
  it('gets what the routes answer', async () => {
    const response = await ask(`${routes.tasks}?limit=3`, coordinator.keyring.publishableKey);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ items: [] });
    expect((await ask(routes.keys)).status).toBe(200);
  });

  it('passes the same gate as every request', async () => {
    const { publishableKey, adminKey } = coordinator.keyring;
    const statuses = [await ask(routes.tasks), await ask(routes.tasks, publishableKey, {})].map(({ status }) => status);
    expect(statuses).toEqual([401, 403]);
    expect((await ask(routes.tasks, adminKey, {})).status).toBe(400);
  });

  it('gets problem details for a refusal', async () => {
    const response = await ask('/nothing/here');
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ type: '/problems/not-found', code: 'not-found' });
    const unknown = await ask(routes.parameters('0'.repeat(64)), coordinator.keyring.publishableKey);
    expect((await unknown.json()).detail).toBe('there are no such parameters');
  });
});
