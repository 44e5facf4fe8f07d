/** What the coordinator can see, keep and say: sums over cohorts, and nothing that is one device's own. */

import { base64url, concat, floatsToBytes, utf8 } from '@chorale/shared';
import { nodeCrypto } from '@chorale/shared/adapters/node';
import { moments } from '@chorale/shared/algorithms';
import type { CryptoProvider } from '@chorale/shared/crypto';
import { labelledSnapshots } from '@chorale/shared/features';
import { type NewTask, newDevice, routes } from '@chorale/shared/wire';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluationTask, momentsTask, type Setting, trainingTask } from '../quickstart/tasks.ts';
import { type Deployment, openDeployment } from './adapters/deployment.ts';
import { cuts, distinctivePeople } from './people.ts';
import { type Haystack, type Needle, type Sighting, search } from './search.ts';
import { needlesOf, type Owner, type Secret } from './secrets.ts';
import { requestsIn, textOf } from './traffic.ts';

const seed = 'leaks';
const examples = { source: 'behavior/1', label: 'purchase-7d', maxRows: 52, cuts } as const;

describe(`a coordinator among devices (people of seed “${seed}”)`, () => {
  const setting = settingOf({ devices: 34, cohort: 26 });
  let deployment: Deployment | undefined;
  let owners: readonly Owner[];
  let needles: readonly Needle[];
  let traffic: readonly Haystack[];
  let kept: readonly Haystack[];

  beforeAll(async () => {
    deployment = await openDeployment({ people: distinctivePeople(setting.devices, seed) });
    const { operator } = deployment;
    const committed = async (task: NewTask) => {
      const { task: after, rounds } = await deployment!.run(task);
      expect(rounds).toMatchObject([{ state: 'committed' }]);
      return after.id;
    };
    const spread = await committed(momentsTask(setting));
    const state = moments.state.parse(await operator.state(spread));
    const model = await operator.latestModel(await committed(trainingTask(setting, state)));
    await committed(evaluationTask(setting, model, await operator.parameters(model)));
    owners = await ownersOf(deployment);
    needles = needlesOf(owners);
    kept = [...(await deployment.endAndReadStore()), deployment.log()];
    traffic = deployment.traffic();
  }, 120_000);
  afterAll(() => deployment?.close());

  it('has been listened to: every masked vector went by, and nothing was compressed or chunked', () => {
    expect(deployment!.devices.flatMap((device) => device.defects())).toEqual([]);
    const said = deployment!.speeches();
    const inputs = said.flatMap(({ up }) => up.messages.filter(isNamed('masked-input')));
    const given = owners.flatMap((owner) => owner.given);
    expect(inputs.length).toBeGreaterThanOrEqual(given.length);
    expect(given.length).toBeGreaterThanOrEqual(3 * setting.cohort);
    const http = said.flatMap(({ up, down }) => [textOf(up.http), textOf(down.http)]);
    expect(http.filter((text) => /^(transfer|content)-encoding:/im.test(text))).toEqual([]);
    expect(kept.filter(({ name }) => name.startsWith('record receipt/'))).toHaveLength(3 * setting.devices);
    expect(textOf(kept.at(-1)!.bytes)).toContain('"turn":"certificate"');
  });

  it('sees, keeps and logs no event, feature, contribution or encoded vector of one device', () => {
    const knownBy = (secret: Secret) =>
      new Set(needles.filter((needle) => needle.secret === secret).map(({ owner }) => owner)).size;
    expect([knownBy('event'), knownBy('feature')]).toEqual([setting.devices, setting.devices]);
    const senders = owners.filter(({ given }) => given.length > 0).length;
    expect([knownBy('contribution'), knownBy('encoded vector')]).toEqual([senders, senders]);
    expect(search(needles, [...traffic, ...kept])).toEqual([]);
  });

  it('learns from an enrolment who agreed to what, and nothing else', () => {
    const enrolments = deployment!.speeches().flatMap(({ up }) => enrolmentsIn(up.http));
    expect(enrolments).toHaveLength(3 * setting.devices);
    for (const { receipt: signed } of enrolments) {
      const { receipt } = signed as { receipt: Record<string, unknown> };
      const fields = ['decidedAt', 'decisions', 'device', 'id', 'language', 'method', 'policy', 'schema', 'task'];
      expect(Object.keys(receipt).sort()).toEqual(fields);
      expect(receipt.decisions).toEqual({ training: 'granted' });
    }
  });

  it('would be caught with an event in a log line, or a vector in a record', () => {
    const [one, other] = owners as [Owner, Owner];
    const logged = JSON.stringify({ level: 20, event: one.person.events[3], message: 'enrolled' });
    const features = other.rows[2]!;
    const planted: Haystack[] = [
      { name: 'log', bytes: concat(kept.at(-1)!.bytes, utf8(logged)) },
      { name: 'record', bytes: utf8(`{"row":"${base64url(concat(utf8('x'), floatsToBytes(features)))}"}`) },
    ];
    const found = search(needles, planted);
    expect(summaryOf(found, 'log')).toEqual([`event of ${one.person.id}`]);
    expect(summaryOf(found, 'record')).toEqual([`feature of ${other.person.id}`]);
  });
});

describe('the same search, where devices forget their masks', () => {
  it('finds the vector of every device that sent one, and no event or feature', async () => {
    const setting = settingOf({ devices: 14, cohort: 10 });
    const deployment = await openDeployment({
      people: distinctivePeople(setting.devices, seed),
      crypto: withoutMasks(),
    });
    try {
      await deployment.run(momentsTask(setting));
      const owners = await ownersOf(deployment);
      const senders = owners.filter(({ given }) => given.length > 0).map(({ person }) => person.id);
      expect(senders.length).toBeGreaterThanOrEqual(setting.cohort);
      const found = search(needlesOf(owners), deployment.traffic());
      const whole = found.filter(({ form, where }) => form === 'words' && where.endsWith('up'));
      expect(new Set(whole.map(({ owner }) => owner))).toEqual(new Set(senders));
      expect(new Set(found.map(({ secret }) => secret))).toEqual(new Set(['encoded vector']));
    } finally {
      await deployment.close();
    }
  }, 120_000);
});

function settingOf(size: { devices: number; cohort: number }): Setting {
  return { ...size, rounds: 1, train: examples, test: examples };
}

function ownersOf({ devices }: Deployment): Promise<Owner[]> {
  return Promise.all(
    devices.map(async (device) => {
      const { person } = device;
      const rows = labelledSnapshots(person.events, examples, Number.MAX_SAFE_INTEGER);
      return { person, rows: rows.map(({ features }) => features), given: await device.given() };
    }),
  );
}

/** A device's ciphers, but for the one that matters. */
function withoutMasks(): CryptoProvider {
  const real = nodeCrypto();
  return {
    name: 'careless',
    perform: async (job) => (job.do === 'mask' ? { did: 'mask', vector: job.vector.slice() } : real.perform(job)),
  };
}

function isNamed(name: string): (message: Uint8Array) => boolean {
  return (message) => textOf(message.subarray(0, 100)).includes(`["${name}",`);
}

/** By the schema that allows nothing beyond its own fields. */
function enrolmentsIn(http: Uint8Array) {
  const enrolments = requestsIn(http).filter(({ head }) => head.startsWith(`POST ${routes.devices} `));
  return enrolments.map(({ body }) => newDevice.parse(JSON.parse(body)));
}

/** What was found in a place, once a person and secret. */
function summaryOf(sightings: readonly Sighting[], place: string): string[] {
  const there = sightings.filter(({ where }) => where === place);
  return [...new Set(there.map(({ owner, secret }) => `${secret} of ${owner}`))];
}
