import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../adapters/node-crypto.ts';
import { type Bytes, hex, tag } from '../bytes.ts';
import { type CryptoJob, hkdf } from '../crypto/index.ts';
import type { EncodedVector } from '../encoding/encoded-vector.ts';
import { rememberingVerdicts, secaggLab } from '../testing/secagg-lab.ts';
import { beginLockstep, playToEnd, playTurn, settleClient, startDevice, tell } from '../testing/secagg-lockstep.ts';
import {
  type ClientEffect,
  type ClientState,
  leaveRound,
  resendClient,
  startClient,
  stepClient,
  verifiedCredentials,
} from './client.ts';
import { planHashOf } from './roster.ts';

const provider = rememberingVerdicts(nodeCrypto());
const makeLab = (seed: string) => secaggLab({ provider, devices: 5, seed });

/** Performs jobs, and writes too, except those of one kind: they never become durable. */
async function withoutWriting(
  kind: string,
  [first, effects]: readonly [ClientState, readonly ClientEffect[]],
): Promise<{ state: ClientState; sent: readonly string[] }> {
  let state = first;
  const sent: string[] = [];
  const open = [...effects];
  for (let effect = open.shift(); effect; effect = open.shift()) {
    if (effect.do === 'send') sent.push(effect.message.name);
    const now = 0;
    const next =
      effect.do === 'compute'
        ? stepClient(state, { on: 'computed', id: effect.id, result: await provider.perform(effect.job), now })
        : effect.do === 'persist' && effect.record.kind !== kind
          ? stepClient(state, { on: 'persisted', id: effect.id, now })
          : undefined;
    if (!next) continue;
    state = next[0];
    open.push(...next[1]);
  }
  return { state, sent };
}

describe('a device writes before it sends', () => {
  it('claims the round before it advertises', async () => {
    const lab = await makeLab('claim');
    const [, effects] = startClient(lab.clients[0]!, 0);
    expect(effects.map((effect) => effect.do)).toEqual(['persist']);
    expect((await withoutWriting('claimed', startClient(lab.clients[0]!, 0))).sent).toEqual([]);
    expect((await withoutWriting('spent', startClient(lab.clients[0]!, 0))).sent).toEqual(['advertise']);
  });

  it.each([
    { kind: 'spent', turns: 3, name: 'masked-input' },
    { kind: 'signed', turns: 4, name: 'certify' },
    { kind: 'revealed', turns: 5, name: 'unmask' },
  ])('sends no $name until $kind is durable', async ({ kind, turns, name }) => {
    const lab = await makeLab('durable');
    let lockstep = await beginLockstep(provider, lab);
    for (let turn = 1; turn < turns; turn++) lockstep = await playTurn(lockstep);
    const before = lockstep;
    lockstep = await playTurn(lockstep);
    const id = lab.ids[0]!;
    const { state } = before.devices.get(id)!;
    const message = lockstep.sentDown.get(id)![0]!;
    const step = () => stepClient(state, { on: 'message', from: 'coordinator', message, now: before.now });
    expect((await withoutWriting(kind, step())).sent).toEqual([]);
    expect((await withoutWriting('nothing', step())).sent).toEqual([name]);
  });

  it('writes each kind once, in the order of the turns', async () => {
    const lab = await makeLab('records');
    const { devices } = await playToEnd(await beginLockstep(provider, lab));
    for (const { records } of devices.values()) {
      expect(records.map(({ kind }) => kind)).toEqual(['claimed', 'spent', 'signed', 'revealed']);
      expect(records.every(({ task, round }) => task === lab.plan.task && round === lab.plan.round)).toBe(true);
    }
  });
});

describe('what a round costs', () => {
  it('is charged for the noise of the honest survivors alone', async () => {
    const plan = {
      mechanism: 'distributed',
      noiseNumerator: 1,
      noiseDenominator: 1,
      sensitivitySquared: 1000n,
      corruptBasisPoints: 2000,
    } as const;
    const noiseVariances: bigint[] = [];
    const lab = await secaggLab({ provider, devices: 10, seed: 'rho', plan, noiseVariance: () => 200n });
    const clients = lab.clients.map((setup) => ({
      ...setup,
      encode: (noiseVariance: bigint) => {
        noiseVariances.push(noiseVariance);
        return setup.encode(noiseVariance);
      },
    }));
    const { devices, outcome } = await playToEnd(await beginLockstep(provider, { ...lab, clients }));
    expect(outcome).toMatchObject({ kind: 'committed' });
    // h = minSurvivors − A = 7 − 2; ρ = Δ₂²/(2·h·σ_c²).
    const spent = devices.get(lab.ids[0]!)!.records.find(({ kind }) => kind === 'spent');
    expect(spent?.rho).toEqual({ numerator: 1000n, denominator: 2n * 5n * 200n });
    expect(noiseVariances).toEqual(Array(10).fill(200n));
  });

  it('is the plan’s noise multiplier where the coordinator adds the noise', async () => {
    const plan = { mechanism: 'central', noiseNumerator: 3, noiseDenominator: 2 } as const;
    const lab = await secaggLab({ provider, devices: 3, seed: 'central', plan });
    const { devices } = await playToEnd(await beginLockstep(provider, lab));
    const spent = devices.get(lab.ids[0]!)!.records.find(({ kind }) => kind === 'spent');
    // ρ = 1/(2z²)
    expect(spent?.rho).toEqual({ numerator: 4n, denominator: 18n });
  });

  it('is not stated where there is no noise', async () => {
    const lab = await makeLab('no noise');
    const { devices } = await playToEnd(await beginLockstep(provider, lab));
    const spent = devices.get(lab.ids[0]!)!.records.find(({ kind }) => kind === 'spent');
    expect(spent).toEqual({ kind: 'spent', task: lab.plan.task, round: lab.plan.round });
  });
});

describe('after a reconnection', () => {
  it('a device repeats its last message byte for byte, in every turn', async () => {
    const lab = await makeLab('resend');
    let lockstep = await beginLockstep(provider, lab);
    for (let turn = 0; turn < 6; turn++) {
      const { state, sent } = lockstep.devices.get(lab.ids[0]!)!;
      expect(sent).toHaveLength(1);
      expect(resendClient(state)).toEqual([{ do: 'send', to: 'coordinator', message: sent[0] }]);
      lockstep = await playTurn(lockstep);
    }
    expect(resendClient(lockstep.devices.get(lab.ids[0]!)!.state)).toEqual([]);
  });

  it('a device ignores what it has heard already', async () => {
    const lab = await makeLab('repeat');
    const begun = await beginLockstep(provider, lab);
    const next = await playTurn(begun);
    const [roster] = next.sentDown.get(lab.ids[0]!)!;
    const told = await tell(provider, next.devices.get(lab.ids[0]!)!.state, roster!, next.now);
    expect(told.sent).toEqual([]);
    expect(told.state.round.contradictions).toEqual([]);
  });
});

describe('messages that come before their turn', () => {
  it('wait for it', async () => {
    const lab = await makeLab('early');
    const dealt = await playTurn(await beginLockstep(provider, lab));
    const acknowledged = await playTurn(dealt);
    const masked = await playTurn(acknowledged);
    const id = lab.ids[0]!;
    const [shares, sharers] = [acknowledged, masked].map((lockstep) => lockstep.sentDown.get(id)![0]!);
    const early = await tell(provider, dealt.devices.get(id)!.state, sharers!, dealt.now);
    expect(early.sent).toEqual([]);
    const caughtUp = await tell(provider, early.state, shares!, dealt.now);
    expect(caughtUp.sent).toEqual([...acknowledged.devices.get(id)!.sent, ...masked.devices.get(id)!.sent]);
  });
});

describe('a device that ends by itself', () => {
  it('says that it withdraws, and nothing more', async () => {
    const lab = await makeLab('leave');
    const device = await startDevice(provider, lab.clients[0]!, 0);
    const [state, effects] = leaveRound(device.state, 'device', 'the person withdrew');
    expect(effects.map((effect) => (effect.do === 'send' ? effect.message.name : effect.do))).toEqual([
      'withdraw',
      'finish',
    ]);
    const next = await playTurn(await beginLockstep(provider, lab));
    const [roster] = next.sentDown.get(lab.ids[0]!)!;
    expect((await tell(provider, state, roster!, 0)).sent).toEqual([]);
    expect(leaveRound(state, 'device', 'again')[1]).toEqual([]);
  });

  it('gives up when the coordinator falls silent', async () => {
    const lab = await makeLab('silence');
    const device = await startDevice(provider, lab.clients[0]!, 0);
    const [waiting, none] = stepClient(device.state, { on: 'wake', now: 59_999 });
    expect(none).toEqual([]);
    const [, effects] = stepClient(waiting, { on: 'wake', now: 60_000 });
    expect(effects.at(-1)).toMatchObject({ do: 'finish', outcome: { kind: 'ended', by: 'device' } });
  });

  it('does so on malformed messages and failed computations', async () => {
    const lab = await makeLab('malformed');
    const next = await playTurn(await beginLockstep(provider, lab));
    const { state } = next.devices.get(lab.ids[0]!)!;
    const malformed = await tell(provider, state, { name: 'shares', body: Uint8Array.of(1, 2) }, next.now);
    expect(malformed.outcome).toMatchObject({ kind: 'ended', by: 'device' });
    expect(malformed.sent.map(({ name }) => name)).toEqual(['withdraw']);
    const failing = { name: 'failing', perform: async () => ({ did: 'fail', reason: 'no' }) as const };
    const start = await settleClient(failing, startClient(lab.clients[0]!, 0), 0);
    expect(start.outcome).toMatchObject({ kind: 'ended', by: 'device' });
    expect(start.sent).toEqual([]);
  });

  it('throws, and releases nothing, when its own encoder breaks its promise', async () => {
    const lab = await makeLab('short vector');
    const clients = lab.clients.map((setup) => ({ ...setup, encode: () => new Uint32Array(1) as EncodedVector }));
    let lockstep = await beginLockstep(provider, { ...lab, clients });
    lockstep = await playTurn(await playTurn(lockstep));
    await expect(playTurn(lockstep)).rejects.toThrow(/another length/);
  });
});

describe('secrets', () => {
  it('are not in the state once they are not needed', async () => {
    const lab = await makeLab('secrets');
    const { seed } = lab.clients[0]!;
    const derive = (name: string) =>
      hex(hkdf(seed, planHashOf(lab.planBytes), tag(`chorale/secagg/secret/${name}/v1`), 32));
    const [channel, mask, selfMask, dealing] = ['channel', 'mask', 'self-mask', 'dealing'].map(derive);
    const held: string[][] = [];
    let lockstep = await beginLockstep(provider, lab);
    for (let turn = 0; turn < 5; turn++) {
      const found = bytesIn(lockstep.devices.get(lab.ids[0]!)!.state);
      held.push(
        [hex(seed), channel!, mask!, selfMask!, dealing!].map((secret) => (found.has(secret) ? 'held' : 'gone')),
      );
      lockstep = await playTurn(lockstep);
    }
    expect(held).toEqual([
      ['gone', 'held', 'held', 'held', 'held'],
      ['gone', 'gone', 'held', 'held', 'gone'],
      ['gone', 'gone', 'held', 'held', 'gone'],
      ['gone', 'gone', 'gone', 'gone', 'gone'],
      ['gone', 'gone', 'gone', 'gone', 'gone'],
    ]);
  });
});

describe('credentials', () => {
  it('that the device has verified before are not verified again', async () => {
    const lab = await makeLab('cache');
    const cold = await playToEnd(await beginLockstep(provider, lab));
    const knownCredentials = verifiedCredentials(cold.devices.get(lab.ids[0]!)!.state);
    expect(knownCredentials.size).toBe(5);
    const verified = async (known: ReadonlySet<string>) => {
      let count = 0;
      const counting = {
        name: 'counting',
        perform: (job: CryptoJob) => {
          if (job.do === 'verifyMany') count += job.signatures.length;
          return provider.perform(job);
        },
      };
      const clients = lab.clients.map((setup, i) => (i === 0 ? { ...setup, knownCredentials: known } : setup));
      const begun = await beginLockstep(provider, { ...lab, clients }, new Map([[lab.ids[0]!, counting]]));
      expect((await playToEnd(begun)).outcome).toMatchObject({ kind: 'committed' });
      return count;
    };
    expect((await verified(new Set())) - (await verified(knownCredentials))).toBe(5);
  });
});

/** Every byte string that can be reached in a value. */
function bytesIn(value: unknown, found = new Set<string>()): Set<string> {
  if (value instanceof Uint8Array) found.add(hex(value as Bytes));
  else if (value instanceof Map || value instanceof Set) for (const item of value) bytesIn(item, found);
  else if (typeof value === 'object' && value !== null) for (const item of Object.values(value)) bytesIn(item, found);
  return found;
}
