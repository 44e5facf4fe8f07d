import { MemoryDisk, memoryStore, nodeCrypto } from '@chorale/shared/adapters/node';
import { behavior1, dayMs } from '@chorale/shared/features';
import { type ModelSpec, parameterCount, predict, sigmoid } from '@chorale/shared/models';
import { loopbackNetwork, seededRandom, virtualClock } from '@chorale/shared/testing';
import { describe, expect, it } from 'vitest';
import { type ChoraleOptions, createClient, type ExampleSource } from './node.ts';
import { keysOf, pairs, type Singer, type Stage, singer } from './testing/choir.ts';
import { FakeCoordinator } from './testing/fake-coordinator.ts';

const linear = { family: 'linear', inputs: 2, outputs: 1, output: 'sigmoid' } as const;
const parameters = Float32Array.of(0.5, -0.25, 0.125);
/** A source that can be scored: the last pair. */
const sources: ChoraleOptions['sources'] = {
  'pairs/1': { examples: pairs, current: (events, query) => pairs(events, query).at(-1)?.features },
};

async function stage() {
  const clock = virtualClock();
  const random = seededRandom('client');
  const crypto = nodeCrypto();
  const coordinator = await FakeCoordinator.open({ clock, random: random.fork('coordinator'), crypto });
  const network = loopbackNetwork({ clock, random: random.fork('network'), server: coordinator.server });
  return { clock, random, crypto, coordinator, transport: (device: string) => network.transport(device) };
}
type Hall = Awaited<ReturnType<typeof stage>>;

/** What a person finds who reads every byte of a store. */
function textOf(disk: MemoryDisk): string {
  const entries = disk.range({ from: '', to: '\u{10ffff}' });
  return entries.map(({ key, value }) => `${key} ${new TextDecoder().decode(value)}`).join('\n');
}

/** What the coordinator has to believe about training, from all that it was told. */
function lastHeard({ coordinator }: Hall): string | undefined {
  const receipts = coordinator.requests.flatMap(({ method, body }) =>
    method === 'POST'
      ? [(body as { receipt: { receipt: { decidedAt: number; decisions: { training: string } } } }).receipt.receipt]
      : [],
  );
  return receipts.sort((a, b) => a.decidedAt - b.decidedAt).at(-1)?.decisions.training;
}

/** A device that goes down for good before one more write than it has power for. */
function powered(on: Hall, disk: MemoryDisk, power: { left: number }): ChoraleOptions['ports'] {
  const store = memoryStore({ disk });
  const never = new Promise<never>(() => {});
  const write = <Result>(work: () => Promise<Result>) => (power.left-- > 0 ? work() : never);
  return {
    fetch: (...request) => (power.left >= 0 ? on.coordinator.fetch(...request) : never),
    store: {
      ...store,
      put: (...entry) => write(() => store.put(...entry)),
      delete: (key) => write(() => store.delete(key)),
      batch: (writes) => write(() => store.batch(writes)),
      compareAndSet: (...change) => write(() => store.compareAndSet(...change)),
    },
  };
}

async function settled(on: Stage & { clock: Hall['clock'] }): Promise<void> {
  await on.clock.advance(10);
}

describe('before anybody has agreed', () => {
  it('no byte is stored and none is sent, whatever the app does', async () => {
    const on = await stage();
    const { chorale, disk } = singer(on, 'a', { training: { autoStart: true } });
    chorale.track('pair', { a: 1, b: 2 });
    chorale.page({ path: '/secret' });
    chorale.identify('person-1');
    chorale.score('anything');
    expect(await chorale.ownPlaces()).toBeUndefined();
    await chorale.ready();
    await on.clock.advance(3_600_000);
    expect(keysOf(disk)).toEqual([]);
    expect(on.coordinator.heard).toEqual([]);
    expect(on.coordinator.requests.filter(({ method }) => method !== 'GET')).toEqual([]);
    expect(chorale.consent.state()).toEqual({
      scoring: 'unknown',
      personalization: 'unknown',
      training: 'unknown',
      diagnostics: 'unknown',
    });
  });

  it('what was tracked waits, and is stored with the first grant', async () => {
    const on = await stage();
    const { chorale, disk } = singer(on, 'a');
    chorale.track('pair', { a: 1, b: 2 });
    await chorale.consent.grant(['scoring']);
    await settled(on);
    expect(keysOf(disk).filter((key) => key.startsWith('event/'))).toHaveLength(1);
  });

  it('a refusal drops it, and only the refusal is remembered', async () => {
    const on = await stage();
    const { chorale, disk } = singer(on, 'a');
    chorale.track('pair', { a: 1, b: 2 });
    await chorale.consent.deny();
    chorale.track('pair', { a: 3, b: 4 });
    await settled(on);
    expect(keysOf(disk)).toEqual(['consent/000000000000']);
    const again = singer(on, 'b', {}, disk);
    await again.chorale.ready();
    expect(again.chorale.consent.state().training).toBe('denied');
  });
});

describe('consent', () => {
  it('to scoring alone never makes the device train', async () => {
    const on = await stage();
    on.coordinator.addTask();
    const { chorale, disk } = singer(on, 'a');
    await chorale.consent.grant(['scoring']);
    await chorale.consent.deny(['training']);
    await chorale.refresh();
    await settled(on);
    expect(on.coordinator.heard).toEqual([]);
    expect(keysOf(disk).some((key) => key.startsWith('identity/'))).toBe(false);
  });

  it('makes one signed receipt for each task, under the text of that task, naming nothing but its purpose', async () => {
    const on = await stage();
    const tasks = [on.coordinator.addTask({ text: 'One.' }), on.coordinator.addTask({ text: 'Two.' })];
    const { chorale } = singer(on, 'a');
    await chorale.consent.grant(['training', 'personalization']);
    await chorale.refresh();
    await chorale.refresh();
    const receipts = await chorale.consent.receipts();
    expect(receipts.map(({ receipt }) => receipt.task).sort()).toEqual([...tasks].sort());
    for (const { receipt } of receipts) expect(receipt.decisions).toEqual({ training: 'granted' });
    const devices = receipts.map(({ receipt }) => receipt.device);
    expect(new Set(devices).size).toBe(2);
  });

  it('to one text is not consent to another: the app is asked to ask again', async () => {
    const on = await stage();
    const task = on.coordinator.addTask({ text: 'The new text.' });
    const { chorale } = singer(on, 'a');
    const asked: unknown[] = [];
    chorale.on('superseded', (notice) => asked.push(notice));
    await chorale.consent.grant(['training'], { policy: { language: 'en', text: 'The old text.' } });
    await chorale.refresh();
    expect(asked).toEqual([{ task, purpose: 'training', policy: { language: 'en', text: 'The new text.' } }]);
    expect(on.coordinator.requests.some(({ method }) => method === 'POST')).toBe(false);
    await chorale.consent.grant(['training'], { policy: { language: 'en', text: 'The new text.' } });
    await chorale.refresh();
    await settled(on);
    expect(on.coordinator.waiting).toBe(1);
  });

  it('whose text changes afterwards holds for the old one only', async () => {
    const on = await stage();
    const task = on.coordinator.addTask({ text: 'Old.' });
    const { chorale, disk } = singer(on, 'a');
    await chorale.consent.grant(['training']);
    await chorale.refresh();
    await chorale.close();
    const other = on.coordinator.addTask({ text: 'New.' });
    const policy = on.coordinator.tasks.find(({ id }) => id === other)!.consentPolicy;
    on.coordinator.changeTask(task, { consentPolicy: policy });
    on.coordinator.changeTask(other, { state: 'done' });
    const again = singer(on, 'b', {}, disk);
    const asked: unknown[] = [];
    again.chorale.on('superseded', (notice) => asked.push(notice));
    await again.chorale.refresh();
    expect(asked).toMatchObject([{ task }]);
  });

  it('taken back offline stops everything here at once, and reaches the coordinator later', async () => {
    const on = await stage();
    on.coordinator.addTask();
    const { chorale, disk } = singer(on, 'a');
    await chorale.consent.grant(['training']);
    chorale.track('pair', { a: 1, b: 2 });
    await chorale.refresh();
    on.coordinator.isReachable = false;
    const done = chorale.consent.withdraw();
    expect(chorale.consent.state().training).toBe('withdrawn');
    await on.clock.run(done);
    await settled(on);
    expect(keysOf(disk).filter((key) => /^(event|outbox)\//.test(key))).toEqual(['outbox/000000000000']);
    await chorale.close();
    on.coordinator.isReachable = true;
    const again = singer(on, 'b', {}, disk);
    await again.chorale.refresh();
    expect(on.coordinator.consents).toMatchObject([{ receipt: { receipt: { decisions: { training: 'withdrawn' } } } }]);
    expect(keysOf(disk).some((key) => key.startsWith('outbox/'))).toBe(false);
    expect(on.coordinator.waiting).toBe(0);
  });

  it('given again after a withdrawal is a new receipt that the coordinator hears of', async () => {
    const on = await stage();
    on.coordinator.addTask();
    const { chorale } = singer(on, 'a');
    await chorale.consent.grant(['training']);
    await chorale.refresh();
    await chorale.consent.withdraw();
    await chorale.consent.grant(['training']);
    await chorale.refresh();
    const said = on.coordinator.consents.map(
      ({ receipt }) => (receipt as { receipt: { decisions: object } }).receipt.decisions,
    );
    expect(said).toEqual([{ training: 'withdrawn' }, { training: 'granted' }]);
    expect(on.coordinator.requests.filter(({ path }) => path.endsWith('/devices'))).toHaveLength(1);
  });

  it.each([
    'its key is kept',
    'its receipt is kept',
    'it enrols',
  ])('taken back while a device joins, as %s, is the last that the coordinator hears', async (moment) => {
    const on = await stage();
    on.coordinator.addTask();
    let withdrawal: Promise<void> | undefined;
    const take = async (now: string) => {
      if (now !== moment || withdrawal !== undefined) return;
      withdrawal = chorale.consent.withdraw();
      await withdrawal;
      await new Promise((resolve) => setImmediate(resolve));
    };
    const store = memoryStore();
    const ports: ChoraleOptions['ports'] = {
      store: {
        ...store,
        async compareAndSet(key, expected, next) {
          const isWritten = await store.compareAndSet(key, expected, next);
          if (key.startsWith('identity/')) await take('its key is kept');
          if (key.startsWith('receipt/')) await take('its receipt is kept');
          return isWritten;
        },
      },
      async fetch(input, init) {
        if (String(input).endsWith('/devices')) await take('it enrols');
        return on.coordinator.fetch(input, init);
      },
    };
    const { chorale } = singer(on, 'a', { ports });
    await chorale.consent.grant(['training']);
    await chorale.refresh();
    await settled(on);
    expect(withdrawal).toBeDefined();
    const said = on.coordinator.requests.filter(({ method }) => method === 'POST');
    const isEnrolled = said.some(({ path }) => path.endsWith('/devices'));
    if (isEnrolled)
      expect(said.at(-1)).toMatchObject({ body: { receipt: { receipt: { decisions: { training: 'withdrawn' } } } } });
    expect([isEnrolled, on.coordinator.waiting]).toEqual([moment === 'it enrols', 0]);
  });

  it.each([
    'withdrawn',
    'granted again',
  ])('%s comes to the coordinator, whichever write the device dies before', async (word) => {
    for (let survived = 0; ; survived++) {
      const on = await stage();
      on.coordinator.addTask();
      on.coordinator.answer = ({ packet }) =>
        packet.name === 'check-in' && lastHeard(on) !== 'granted'
          ? { ok: false, code: 'consent-required', detail: 'no' }
          : undefined;
      const disk = new MemoryDisk();
      const power = { left: Number.POSITIVE_INFINITY };
      const { chorale } = singer(on, 'a', { ports: powered(on, disk, power) }, disk);
      await chorale.consent.grant(['training']);
      await chorale.refresh();
      if (word === 'granted again') await chorale.consent.withdraw();
      await settled(on);
      power.left = survived;
      void (word === 'withdrawn' ? chorale.consent.withdraw() : chorale.consent.grant(['training']));
      void chorale.refresh();
      await settled(on);
      const again = singer(on, 'b', {}, disk);
      await again.chorale.refresh();
      await settled(on);
      await again.chorale.refresh();
      await settled(on);
      expect(lastHeard(on), `${survived} writes`).toBe(again.chorale.consent.state().training);
      expect(keysOf(disk).filter((key) => key.startsWith('outbox/'))).toEqual([]);
      if (power.left >= 0) return expect(survived).toBeGreaterThan(2);
    }
  });

  it('that could not be read at the start is read later', async () => {
    const on = await stage();
    on.coordinator.addTask();
    const { chorale, disk } = singer(on, 'a');
    await chorale.consent.grant(['training']);
    await chorale.close();
    let refusals = 1;
    const store = memoryStore({ disk, refuses: () => refusals-- > 0 });
    const again = singer(on, 'b', { ports: { store } }, disk);
    await again.chorale.ready();
    expect(again.chorale.consent.state().training).toBe('unknown');
    await again.chorale.refresh();
    await settled(on);
    expect([again.chorale.consent.state().training, on.coordinator.waiting]).toEqual(['granted', 1]);
  });

  it('ends at its time', async () => {
    const on = await stage();
    on.coordinator.addTask();
    const { chorale, disk } = singer(on, 'a');
    await chorale.consent.grant(['training'], { expiresAt: on.clock.now() + 60_000 });
    chorale.track('pair', { a: 1, b: 2 });
    await chorale.refresh();
    await settled(on);
    expect(on.coordinator.waiting).toBe(1);
    await on.clock.advance(60_000);
    expect(chorale.consent.state().training).toBe('expired');
    expect(on.coordinator.waiting).toBe(0);
    expect(keysOf(disk).some((key) => key.startsWith('event/'))).toBe(false);
  });
});

describe('a task', () => {
  it.each([
    ['source', { examples: { source: 'letters/1' } }],
    ['algorithm', { algorithm: 'alchemy/1' }],
  ])('whose %s this device does not have is none of its business: it does not even enrol', async (_, change) => {
    const on = await stage();
    const strange = on.coordinator.addTask({ name: 'strange' });
    on.coordinator.changeTask(strange, change);
    const known = on.coordinator.addTask({ name: 'known' });
    const { chorale, errors } = singer(on, 'a');
    await chorale.consent.grant(['training']);
    await chorale.refresh();
    await settled(on);
    const { identities } = await chorale.privacy.export();
    expect(identities.map(({ task }) => task)).toEqual([known]);
    expect(on.coordinator.requests.filter(({ path }) => path === '/api/v1/devices')).toHaveLength(1);
    expect(errors).toEqual([]);
  });
});

describe('a client that is closed', () => {
  it('says nothing more, whatever was still under way', async () => {
    const on = await stage();
    on.coordinator.addTask();
    let answer: (reason: Error) => void = () => {};
    const fetch = () =>
      new Promise<Response>((_, reject) => {
        answer = reject;
      });
    const { chorale, errors } = singer(on, 'a', { training: { autoStart: true }, ports: { fetch } });
    const told: string[] = [];
    for (const name of ['ready', 'consent', 'round', 'model', 'error'] as const)
      chorale.on(name, () => told.push(name));
    await chorale.consent.grant(['training']);
    await settled(on);
    told.length = 0;
    const refreshed = chorale.refresh();
    await chorale.close();
    answer(new TypeError('network'));
    await on.clock.run(refreshed);
    await on.clock.advance(3_600_000);
    expect(errors).toEqual([]);
    expect(told).toEqual([]);
  });

  it('still says what it could not write', async () => {
    const on = await stage();
    let isGone = false;
    const { chorale, errors } = singer(on, 'a', { ports: { store: memoryStore({ refuses: () => isGone }) } });
    await chorale.consent.grant(['training']);
    await settled(on);
    isGone = true;
    chorale.track('pair', { a: 1, b: 2 });
    await chorale.close();
    expect(errors.map(({ code }) => code)).toEqual(['store-unavailable']);
  });
});

describe('a score', () => {
  const scored = async (on: Hall, options: Partial<ChoraleOptions> = {}): Promise<Singer & { name: string }> => {
    const task = on.coordinator.addTask({ name: 'purchase-7d' });
    await on.coordinator.publishModel(task, linear, parameters);
    const one = singer(on, 'a', { sources, ...options });
    await one.chorale.consent.grant(['scoring']);
    one.chorale.track('pair', { a: 3, b: 4 });
    await one.chorale.refresh();
    return { ...one, name: 'purchase-7d' };
  };

  it('comes at once from the device’s own model and events, by name or id of the task', async () => {
    const on = await stage();
    const { chorale, name } = await scored(on);
    const [value] = predict(linear, parameters, Float32Array.of(3, 4));
    expect(chorale.score(name)).toEqual({ value, modelVersion: 1, reason: 'TARGETING_MATCH' });
    expect(chorale.score(on.coordinator.tasks[0]!.id).value).toBe(value);
    expect(on.coordinator.heard).toEqual([]);
  });

  it('is there offline at the next visit, and says when its model was not confirmed for long', async () => {
    const on = await stage();
    const { disk, name, chorale } = await scored(on);
    const { value } = chorale.score(name);
    on.coordinator.isReachable = false;
    const again = singer(on, 'b', { sources }, disk);
    expect(await on.clock.run(again.chorale.ready())).toBe(true);
    expect(again.chorale.score(name)).toEqual({ value, modelVersion: 1, reason: 'TARGETING_MATCH' });
    await on.clock.advance(15 * dayMs);
    expect(again.chorale.score(name)).toEqual({ value, modelVersion: 1, reason: 'STALE' });
  });

  it('standardises as the model was trained', async () => {
    const on = await stage();
    const task = on.coordinator.addTask({ name: 'scaled' });
    await on.coordinator.publishModel(task, linear, parameters, { mean: [1, 2], std: [2, 0], clip: 4 });
    const { chorale } = singer(on, 'a', { sources });
    await chorale.consent.grant(['scoring']);
    chorale.track('pair', { a: 3, b: 4 });
    await chorale.refresh();
    expect(chorale.score('scaled').value).toBe(predict(linear, parameters, Float32Array.of(1, 0))[0]);
  });

  it('on behavior/1 follows what the person does, at once and in either vocabulary', async () => {
    const on = await stage();
    const task = on.coordinator.addTask({ name: 'about to buy' });
    on.coordinator.changeTask(task, { examples: { source: behavior1.id } });
    const { length: inputs } = behavior1.features;
    const weights = new Float32Array(inputs + 1);
    weights[behavior1.features.findIndex(({ name }) => name === 'cartAdditions7')] = 1;
    const spec = { family: 'linear', inputs, outputs: 1, output: 'sigmoid' } as const;
    await on.coordinator.publishModel(task, spec, weights);
    const { chorale } = singer(on, 'a');
    await chorale.consent.grant(['scoring']);
    await chorale.refresh();
    expect(chorale.score('about to buy')).toMatchObject({ value: undefined, reason: 'DEFAULT' });
    chorale.track('view_item', { items: [{ item_id: 'p1', item_category: 'shoes', price: 59 }] });
    expect(chorale.score('about to buy')).toMatchObject({ value: 0.5, reason: 'TARGETING_MATCH' });
    chorale.track('add_to_cart', { items: [{ item_id: 'p1', price: 59, quantity: 2 }] });
    chorale.track('Product Added', { product_id: 'p2', price: 9 });
    // log1p(2) weighs e to the power of it: 3 to 1.
    expect(chorale.score('about to buy').value).toBeCloseTo(3 / 4, 6);
  });

  it('is the person’s own segment where the model is one of segments', async () => {
    const on = await stage();
    const task = on.coordinator.addTask({ name: 'segments' });
    const spec = { family: 'centroids', inputs: 2, count: 3 } as const;
    await on.coordinator.publishModel(task, spec, Float32Array.of(0, 0, 9, 9, 4, 3));
    const { chorale } = singer(on, 'a', { sources });
    await chorale.consent.grant(['scoring']);
    await chorale.refresh();
    for (const [a, b, segment] of [
      [3, 4, 2],
      [8, 8, 1],
      [-5, 1, 0],
    ] as const) {
      chorale.track('pair', { a, b });
      expect(chorale.score('segments')).toEqual({ value: segment, modelVersion: 1, reason: 'TARGETING_MATCH' });
    }
    const current = () => Float32Array.of(Number.NaN, 1);
    const lost = singer(on, 'b', { sources: { 'pairs/1': { examples: pairs, current } } });
    await lost.chorale.consent.grant(['scoring']);
    await lost.chorale.refresh();
    expect(lost.chorale.score('segments')).toEqual({ value: undefined, modelVersion: 1, reason: 'DEFAULT' });
  });

  it('is missing with a reason: no consent, no model, nothing known, a source that fails', async () => {
    const on = await stage();
    const failing = {
      'pairs/1': {
        examples: pairs,
        current: () => {
          throw new Error('app');
        },
      },
    };
    const { chorale, name } = await scored(on, { sources: failing });
    expect(chorale.score(name)).toEqual({ value: undefined, modelVersion: undefined, reason: 'ERROR' });
    expect(chorale.score('unknown')).toEqual({ value: undefined, modelVersion: undefined, reason: 'DEFAULT' });
    await chorale.consent.withdraw(['scoring']);
    expect(chorale.score(name)).toEqual({ value: undefined, modelVersion: undefined, reason: 'CONSENT_MISSING' });
    const quiet = singer(on, 'b', { sources });
    await quiet.chorale.consent.grant(['scoring']);
    await quiet.chorale.refresh();
    expect(quiet.chorale.score(name)).toEqual({ value: undefined, modelVersion: 1, reason: 'DEFAULT' });
  });

  it('never comes from a model that the pinned coordinator has not signed', async () => {
    const on = await stage();
    const task = on.coordinator.addTask({ name: 'forged' });
    const model = await on.coordinator.publishModel(task, linear, parameters);
    model.manifest.version = 99;
    const { chorale, errors } = singer(on, 'a', { sources });
    await chorale.consent.grant(['scoring']);
    chorale.track('pair', { a: 3, b: 4 });
    await chorale.refresh();
    expect(chorale.score('forged').reason).toBe('DEFAULT');
    expect(errors.map(({ code }) => code)).toEqual(['unauthorized']);
  });

  it('nor from other parameters than the manifest names', async () => {
    const on = await stage();
    const task = on.coordinator.addTask({ name: 'swapped' });
    const model = await on.coordinator.publishModel(task, linear, parameters);
    model.parameters[0]! ^= 1;
    const { chorale, errors } = singer(on, 'a', { sources });
    await chorale.consent.grant(['scoring']);
    await chorale.refresh();
    expect(chorale.score('swapped').modelVersion).toBeUndefined();
    expect(errors.map(({ code }) => code)).toEqual(['invalid-input']);
  });
});

describe('an explanation', () => {
  const explained = async (options: Partial<ChoraleOptions> = {}, spec: ModelSpec = linear) => {
    const on = await stage();
    const task = on.coordinator.addTask({ name: 'why' });
    const numbers = spec === linear ? parameters : new Float32Array(parameterCount(spec));
    await on.coordinator.publishModel(task, spec, numbers, { mean: [1, 2], std: [2, 1], clip: 4 });
    const { chorale } = singer(on, 'a', { sources, ...options });
    await chorale.consent.grant(['scoring']);
    await chorale.refresh();
    return chorale;
  };

  it('says beside the score what each feature added to it, under the names of its source', async () => {
    const named = { 'pairs/1': { ...(sources['pairs/1'] as ExampleSource), features: ['a', 'b'] } };
    const chorale = await explained({ sources: named });
    chorale.track('pair', { a: 3, b: 5 });
    const { bias, contributions, ...score } = chorale.explain('why');
    expect(score).toEqual(chorale.score('why'));
    expect(bias).toBe(0.125);
    expect(contributions).toEqual([
      { feature: 'a', logOdds: 0.5 },
      { feature: 'b', logOdds: -0.75 },
    ]);
    expect(score.value).toBeCloseTo(sigmoid(0.125 + 0.5 - 0.75), 6);
  });

  it('numbers the features of a source that has not named them', async () => {
    const chorale = await explained();
    chorale.track('pair', { a: 3, b: 5 });
    expect(chorale.explain('why').contributions.map(({ feature }) => feature)).toEqual(['feature 0', 'feature 1']);
  });

  it('is empty where there is no score, with the score’s own reason', async () => {
    const chorale = await explained();
    const nothing = { value: undefined, bias: undefined, contributions: [] };
    expect(chorale.explain('why')).toEqual({ ...nothing, modelVersion: 1, reason: 'DEFAULT' });
    await chorale.consent.withdraw(['scoring']);
    expect(chorale.explain('why')).toEqual({ ...nothing, modelVersion: undefined, reason: 'CONSENT_MISSING' });
  });

  it('is refused for a model that is not a sum over features, which can still be scored', async () => {
    const output = { outputs: 1, output: 'sigmoid' } as const;
    const chorale = await explained({}, { family: 'mlp', inputs: 2, hidden: [2], activation: 'relu', ...output });
    chorale.track('pair', { a: 3, b: 5 });
    expect(chorale.score('why').reason).toBe('TARGETING_MATCH');
    expect(() => chorale.explain('why')).toThrow(expect.objectContaining({ code: 'invalid-input' }));
  });
});

describe('a coordinator with another root key', () => {
  it('gets nothing: neither an enrolment nor a model is taken from it', async () => {
    const on = await stage();
    on.coordinator.addTask();
    const other = await FakeCoordinator.open({ clock: on.clock, random: on.random.fork('other'), crypto: on.crypto });
    const { chorale, errors } = singer(on, 'a', { coordinatorKey: other.rootKey });
    await chorale.consent.grant(['training', 'scoring']);
    await chorale.refresh();
    expect(errors.map(({ code }) => code)).toEqual(['unauthorized']);
    expect(on.coordinator.requests.map(({ path }) => path)).toEqual(['/api/v1/keys']);
  });
});

describe('the person', () => {
  it('can take everything along, and what is secret stays out of it', async () => {
    const on = await stage();
    on.coordinator.addTask();
    const { chorale, disk } = singer(on, 'a');
    await chorale.consent.grant(['training']);
    chorale.identify('person-1');
    chorale.track('pair', { a: 1, b: 2 });
    await chorale.refresh();
    const all = await chorale.privacy.export();
    expect(all).toMatchObject({
      person: 'person-1',
      consent: { training: 'granted' },
      events: [{ name: 'pair', properties: { a: 1, b: 2 } }],
      receipts: [{}],
      identities: [{}],
    });
    const [identity] = disk.range({ from: 'identity/', to: 'identity0' });
    const { secretKey } = JSON.parse(new TextDecoder().decode(identity!.value)) as { secretKey: string };
    expect(JSON.stringify(all)).not.toContain(secretKey);
  });

  it('never appears in what is sent', async () => {
    const on = await stage();
    on.coordinator.addTask();
    const { chorale } = singer(on, 'a');
    await chorale.consent.grant(['training', 'scoring']);
    chorale.identify('person-1');
    chorale.track('a very private thing', { place: 'somewhere secret' });
    await chorale.refresh();
    await settled(on);
    const sent = JSON.stringify([on.coordinator.requests, on.coordinator.heard]);
    for (const secret of ['person-1', 'very private', 'somewhere']) expect(sent).not.toContain(secret);
    expect(sent).toContain('check-in');
  });

  it('can have everything deleted, and the coordinator hears of the withdrawal', async () => {
    const on = await stage();
    on.coordinator.addTask();
    const { chorale, disk } = singer(on, 'a');
    await chorale.consent.grant(['training']);
    chorale.identify('person-1');
    chorale.track('pair', { a: 1, b: 2 });
    await chorale.refresh();
    expect(await on.clock.run(chorale.privacy.erase())).toBe(true);
    await settled(on);
    expect(keysOf(disk)).toEqual([]);
    expect(on.coordinator.consents).toHaveLength(1);
    expect(chorale.consent.state().training).toBe('unknown');
    expect((await chorale.privacy.export()).events).toEqual([]);
    expect(on.coordinator.waiting).toBe(0);
  });

  it('can have everything deleted while the device joins: nothing comes back, and the withdrawal is heard last', async () => {
    const on = await stage();
    on.coordinator.addTask();
    let erased: Promise<boolean> | undefined;
    const fetch: typeof globalThis.fetch = async (input, init) => {
      if (String(input).endsWith('/devices')) {
        erased = chorale.privacy.erase();
        await new Promise((resolve) => setImmediate(resolve));
      }
      return on.coordinator.fetch(input, init);
    };
    const { chorale, disk } = singer(on, 'a', { ports: { fetch } });
    await chorale.consent.grant(['training']);
    await chorale.refresh();
    expect(await erased).toBe(true);
    expect(keysOf(disk)).toEqual([]);
    const said = on.coordinator.requests.filter(({ method }) => method === 'POST');
    expect(said.at(-1)).toMatchObject({ body: { receipt: { receipt: { decisions: { training: 'withdrawn' } } } } });
  });

  it('has everything deleted also while the coordinator is away', async () => {
    const on = await stage();
    on.coordinator.addTask();
    const { chorale, disk } = singer(on, 'a');
    await chorale.consent.grant(['training']);
    chorale.track('pair', { a: 1, b: 2 });
    await chorale.refresh();
    on.coordinator.isReachable = false;
    expect(await on.clock.run(chorale.privacy.erase())).toBe(false);
    expect(keysOf(disk)).toEqual([]);
  });

  it('is not mixed up with the next one who signs in', async () => {
    const on = await stage();
    const { chorale, disk } = singer(on, 'a');
    await chorale.consent.grant(['training']);
    chorale.identify('person-1');
    chorale.track('pair', { a: 1, b: 2 });
    chorale.identify('person-2');
    await settled(on);
    expect((await chorale.privacy.export()).events).toEqual([]);
    expect(textOf(disk)).not.toContain('person-1');
    expect(textOf(disk)).toContain('person-2');
  });
});

describe('a hot path', () => {
  it('never throws: bad events, a closed client, a store that refuses', async () => {
    const on = await stage();
    const { chorale, errors } = singer(on, 'a', { ports: { store: memoryStore({ refuses: () => true }) } });
    expect(await on.clock.run(chorale.ready())).toBe(true);
    chorale.track('x'.repeat(1000), {});
    chorale.track('pair', { deep: { deeper: { deepest: 1 } } } as never);
    chorale.track('pair', {}, { at: Number.NaN });
    await chorale.consent.grant(['training']);
    chorale.track('pair', { a: 1 });
    await settled(on);
    const codes = new Set(errors.map(({ code }) => code));
    expect([...codes].sort()).toEqual(['invalid-input', 'store-unavailable']);
    await chorale.close();
    chorale.track('pair', { a: 1 });
    expect(chorale.score('x').reason).toBe('CONSENT_MISSING');
  });

  it('does no I/O of its own: tracking returns before the store is asked for anything', async () => {
    const on = await stage();
    let asked = 0;
    const store = memoryStore({
      refuses: () => {
        asked += 1;
        return false;
      },
    });
    const { chorale } = singer(on, 'a', { ports: { store } });
    await chorale.consent.grant(['training']);
    await settled(on);
    asked = 0;
    for (let i = 0; i < 100; i++) chorale.track('pair', { a: i, b: 1 });
    expect(asked).toBe(0);
    await settled(on);
    expect(asked).toBe(1);
  });

  it('lets the app redact or drop an event before it is kept', async () => {
    const on = await stage();
    const beforeStore: NonNullable<ChoraleOptions['beforeStore']> = (event) =>
      event.name === 'secret' ? undefined : { ...event, properties: {} };
    const { chorale } = singer(on, 'a', { beforeStore });
    await chorale.consent.grant(['training']);
    chorale.track('secret', { a: 1 });
    chorale.track('pair', { a: 1 });
    expect((await chorale.privacy.export()).events).toMatchObject([{ name: 'pair', properties: {} }]);
  });

  it('is not stopped by a listener of the app that throws', async () => {
    const on = await stage();
    const { chorale } = singer(on, 'a');
    const heard: string[] = [];
    chorale.on('consent', () => {
      throw new Error('app');
    });
    chorale.on('consent', ({ training }) => heard.push(training));
    await chorale.consent.grant(['training']);
    expect(heard).toContain('granted');
  });
});

describe('readiness', () => {
  it('is told once, and a coordinator that does not answer delays it no longer than asked', async () => {
    const on = await stage();
    const { chorale } = singer(on, 'a', {
      training: { autoStart: true },
      ports: { fetch: () => new Promise<Response>(() => {}) },
    });
    let told = 0;
    chorale.on('ready', () => {
      told += 1;
    });
    expect(await on.clock.run(chorale.ready({ timeoutMs: 500 }))).toBe(false);
    expect(told).toBe(0);
    const quick = singer(on, 'b', { training: { autoStart: true } });
    quick.chorale.on('ready', () => {
      told += 1;
    });
    expect(await on.clock.run(quick.chorale.ready())).toBe(true);
    expect(await on.clock.run(quick.chorale.ready())).toBe(true);
    expect(told).toBe(1);
  });

  it('does not wait for a coordinator that is away: what is here is ready, and whether it answered is said apart', async () => {
    const on = await stage();
    on.coordinator.isReachable = false;
    const { chorale, errors } = singer(on, 'a', { training: { autoStart: true } });
    expect(chorale.isReachable).toBe(false);
    expect(await on.clock.run(chorale.ready())).toBe(true);
    expect(chorale.isReachable).toBe(false);
    expect(errors.map(({ code }) => code)).toContain('store-unavailable');
    on.coordinator.isReachable = true;
    await on.clock.run(chorale.refresh());
    expect(chorale.isReachable).toBe(true);
    on.coordinator.isReachable = false;
    await on.clock.run(chorale.refresh());
    expect(chorale.isReachable).toBe(false);
  });

  it('of a client without storage starts nothing: a server that draws pages is no device', async () => {
    const on = await stage();
    on.coordinator.addTask();
    const requests = on.coordinator.requests.length;
    createClient({
      clientKey: `pk_${'a'.repeat(22)}`,
      host: 'https://learn.example.com',
      coordinatorKey: on.coordinator.rootKey,
      defaults: '2026-11-23',
      ports: { clock: on.clock, fetch: on.coordinator.fetch },
    });
    await on.clock.advance(3_600_000);
    expect(on.coordinator.requests).toHaveLength(requests);
  });

  it('looks again by itself, and finds the task that follows a finished one', async () => {
    const on = await stage();
    const first = on.coordinator.addTask({ name: 'first' });
    const { chorale } = singer(on, 'a', { training: { autoStart: true } });
    await chorale.consent.grant(['training']);
    await on.clock.runUntil(() => on.coordinator.waiting === 1, { limitMs: 10_000 });
    on.coordinator.changeTask(first, { state: 'done' });
    const second = on.coordinator.addTask({ name: 'second' });
    on.coordinator.push({ name: 'pace', header: { reason: 'task-done' } });
    await on.clock.runUntil(() => on.coordinator.waiting === 2, { limitMs: 10_000 });
    const { identities } = await chorale.privacy.export();
    expect(identities.map(({ task }) => task)).toContain(second);
  });
});
