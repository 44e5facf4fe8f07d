import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../adapters/node-crypto.ts';
import { type Bytes, bytes, concat } from '../bytes.ts';
import { type CryptoJob, type CryptoProvider, type CryptoResult, sha256 } from '../crypto/index.ts';
import type { EncodedVector } from '../encoding/encoded-vector.ts';
import type { DeviceId } from '../ids.ts';
import { cohortOf, identityOf, type SeenCohort, signWith } from '../testing/secagg-adversary.ts';
import { type Lab, rememberingVerdicts, secaggLab } from '../testing/secagg-lab.ts';
import { beginLockstep, type Lockstep, playToEnd, playTurn } from '../testing/secagg-lockstep.ts';
import { runLoopback } from '../testing/secagg-loopback.ts';
import { maskedInputText, maskersHash, survivorsHash, unmaskText } from './context.ts';
import type { UpMessage } from './messages.ts';
import { type ServerEffect, type ServerState, startServer, stepServer, stopServer } from './server.ts';
import { encodeBitmap } from './survivors.ts';
import {
  decodeMaskedInput,
  decodeUnmasking,
  encodeMaskedInput,
  encodeReveals,
  encodeUnmasking,
  type Reveal,
  revealAt,
} from './up-messages.ts';

const provider = rememberingVerdicts(nodeCrypto());

/** Ten devices: A = 1 (so c = 1), D = 3, minSurvivors = 7, t = 4. */
const makeLab = (seed: string) => secaggLab({ provider, devices: 10, seed });

/** Ciphers that lie about some results: with them, a real device machine is a malicious device. */
function lying(change: (job: CryptoJob, result: CryptoResult) => CryptoResult): CryptoProvider {
  return { name: 'lying', perform: async (job) => change(job, await provider.perform(job)) };
}

/** Spoils the boxes for the first `count` neighbours. */
const spoilBoxes = (count: number) =>
  lying((_, result) =>
    result.did === 'sealMany'
      ? { ...result, sealed: result.sealed.map((box, i) => (i < count ? bytes(box.length) : box)) }
      : result,
  );

/** Shares that lie on no polynomial, but are hashed, sealed and signed as they are. */
const inventShares = lying((_, result) =>
  result.did === 'split'
    ? { ...result, shares: result.shares.map((shares, i) => shares.map((_, j) => sha256(Uint8Array.of(i, j)))) }
    : result,
);

async function cohortAfterRoster(lab: Lab, lockstep: Lockstep): Promise<{ seen: SeenCohort; next: Lockstep }> {
  const next = await playTurn(lockstep);
  return { next, seen: cohortOf(next.sentDown.get(lab.ids[0]!)![0]!) };
}

describe('a dealer', () => {
  it('that one neighbour refuses stays in the sum: the neighbour masks with it on the evidence of its signature', async () => {
    const lab = await makeLab('refused once');
    const liars = new Map([[lab.ids[3]!, spoilBoxes(1)]]);
    const { outcome, devices } = await playToEnd(await beginLockstep(provider, lab, liars));
    expect(outcome).toMatchObject({ kind: 'committed', named: [], funnel: { masked: 10, unmasked: 10 } });
    expect(outcome?.kind === 'committed' && outcome.sum).toEqual(lab.sumOf(lab.ids));
    for (const device of devices.values())
      expect(device.outcome).toMatchObject({ kind: 'completed', isIncluded: true });
  });

  it('that more neighbours refuse than can be corrupt is left out', async () => {
    const lab = await makeLab('refused twice');
    const dealer = lab.ids[3]!;
    const { outcome, devices } = await playToEnd(
      await beginLockstep(provider, lab, new Map([[dealer, spoilBoxes(2)]])),
    );
    const others = lab.ids.filter((id) => id !== dealer);
    expect(outcome).toMatchObject({ kind: 'committed', funnel: { acknowledged: 10, masked: 9 } });
    expect(outcome?.kind === 'committed' && outcome.sum).toEqual(lab.sumOf(others));
    expect(devices.get(dealer)?.outcome).toMatchObject({ kind: 'ended', by: 'coordinator' });
  });

  it('whose signed shares do not give what it advertised is named, and the round is abandoned', async () => {
    const lab = await makeLab('bad dealer');
    const dealer = lab.ids[6]!;
    const { outcome } = await playToEnd(await beginLockstep(provider, lab, new Map([[dealer, inventShares]])));
    expect(outcome).toMatchObject({ kind: 'abandoned', reason: 'bad-dealer', turn: 'unmask', named: [dealer] });
  });

  it('that deals bad shares and drops out is named too', async () => {
    const lab = await makeLab('bad dealer gone');
    const dealer = lab.ids[6]!;
    let lockstep = await beginLockstep(provider, lab, new Map([[dealer, inventShares]]));
    for (let turn = 0; turn < 3; turn++) lockstep = await playTurn(lockstep);
    const { outcome } = await playToEnd(await playTurn(lockstep, { leaving: new Set([dealer]) }));
    expect(outcome).toMatchObject({ kind: 'abandoned', reason: 'bad-dealer', named: [dealer] });
  });
});

/** R4 of one device, signed anew after a change: as a device would that lies about the shares it holds. */
async function lieAtUnmask(lab: Lab, liar: DeviceId, makeReveals: (body: Bytes) => Bytes) {
  const begun = await beginLockstep(provider, lab);
  const { seen, next } = await cohortAfterRoster(lab, begun);
  const everyone = encodeBitmap(seen.cohort.members.keys(), 10);
  const { ctx } = seen.cohort;
  return playToEnd(next, {
    tamperUp: async (device, message) => {
      if (device !== liar || message.name !== 'unmask') return message;
      const encoded = makeReveals(message.body);
      const signer = { ctx, place: seen.placeOf(liar) };
      const [h1, h2] = [maskersHash(ctx, everyone), survivorsHash(ctx, everyone)];
      const text = unmaskText(signer, h1, h2, sha256(encoded));
      const signature = await signWith(provider, identityOf(lab, liar).secretKey, text);
      return { name: 'unmask', body: encodeUnmasking({ encoded, signature }) };
    },
  });
}

/** Of a device with nine masking neighbours. */
function revealsIn(body: Bytes): readonly Reveal[] {
  const unmasking = decodeUnmasking(body, 9);
  return Array.from({ length: 9 }, (_, index) => revealAt(unmasking, index));
}

describe('a holder', () => {
  it('that reveals a false share is named by its signature, and the others’ shares suffice', async () => {
    const lab = await makeLab('lying holder');
    const liar = lab.ids[5]!;
    const { outcome } = await lieAtUnmask(lab, liar, (body) =>
      encodeReveals(
        revealsIn(body).map((reveal) => ('share' in reveal ? { ...reveal, share: bytes(32).fill(1) } : reveal)),
      ),
    );
    expect(outcome).toMatchObject({ kind: 'committed', named: [liar] });
    expect(outcome?.kind === 'committed' && outcome.sum).toEqual(lab.sumOf(lab.ids));
  });

  it('that reveals the mask key of a survivor is not listened to', async () => {
    const lab = await makeLab('talkative holder');
    const liar = lab.ids[5]!;
    const { outcome } = await lieAtUnmask(lab, liar, (body) =>
      encodeReveals(
        revealsIn(body).map((reveal) => ('share' in reveal ? { ...reveal, about: 'mask-key' as const } : reveal)),
      ),
    );
    expect(outcome).toMatchObject({ kind: 'committed', funnel: { unmasked: 9 } });
  });
});

describe('a survivor', () => {
  it('whose view tags are false is named when more neighbours say so than can be lying', async () => {
    const lab = await makeLab('bad tagger');
    const liar = lab.ids[8]!;
    const { seen, next } = await cohortAfterRoster(lab, await beginLockstep(provider, lab));
    const { ctx } = seen.cohort;
    const h1 = maskersHash(ctx, encodeBitmap(seen.cohort.members.keys(), 10));
    const { outcome } = await playToEnd(next, {
      tamperUp: async (device, message) => {
        if (device !== liar || message.name !== 'masked-input') return message;
        const { vector } = decodeMaskedInput(message.body, lab.plan.dimension, 9);
        const tags = bytes(16 * 9);
        const text = maskedInputText({ ctx, place: seen.placeOf(liar) }, h1, sha256(vector), sha256(tags));
        const signature = await signWith(provider, identityOf(lab, liar).secretKey, text);
        return { name: 'masked-input', body: encodeMaskedInput({ vector, tags, signature }) };
      },
    });
    expect(outcome).toMatchObject({ kind: 'abandoned', reason: 'too-few-shares', named: [liar] });
  });

  it('whose contribution is beyond every honest one spoils the round, and the sum is discarded', async () => {
    const lab = await makeLab('garbage');
    const clients = lab.clients.map((setup, i) =>
      i === 2 ? { ...setup, encode: () => new Uint32Array(8).fill(2 ** 31) as EncodedVector } : setup,
    );
    const { outcome } = await playToEnd(await beginLockstep(provider, { ...lab, clients }));
    expect(outcome).toMatchObject({ kind: 'abandoned', reason: 'sum-out-of-range' });
  });
});

describe('a message whose signature is not the device’s', () => {
  it.each([
    'deal',
    'acknowledge',
    'masked-input',
    'certify',
    'unmask',
  ] as const)('counts as never sent: %s', async (name) => {
    const lab = await makeLab('bad signature');
    const spoiled = lab.ids[1]!;
    const { outcome } = await playToEnd(await beginLockstep(provider, lab), {
      tamperUp: (device, message) =>
        device === spoiled && message.name === name
          ? { name, body: concat(message.body.slice(0, -64), bytes(64)) }
          : message,
    });
    // Lost once: later turns do not count the same device again.
    const none = { advertise: 0, deal: 0, acknowledge: 0, 'masked-input': 0, certify: 0, unmask: 0 };
    expect(outcome).toMatchObject({ kind: 'committed', droppedByTurn: { ...none, [name]: 1 } });
    const isSummed = name === 'certify' || name === 'unmask';
    expect(outcome?.kind === 'committed' && outcome.survivors.includes(spoiled)).toBe(isSummed);
  });
});

describe('the roster', () => {
  it('closes at the size of the cohort, and who comes later is told that it is full', async () => {
    const lab = await makeLab('full');
    const report = await runLoopback({ ...lab, provider, server: { ...lab.server, cohort: 7 } });
    expect(report.ending).toMatchObject({ kind: 'formed', funnel: { invited: 10, advertised: 7, masked: 7 } });
    expect(report.outcome).toMatchObject({ kind: 'committed', funnel: { invited: 7, advertised: 7, masked: 7 } });
    const late = [...report.devices.values()].filter(({ refusals }) =>
      refusals.some((reply) => !reply.ok && reply.code === 'round-full'),
    );
    expect(late).toHaveLength(3);
    for (const { outcome } of late) expect(outcome).toMatchObject({ kind: 'ended', by: 'coordinator' });
  });

  it('takes another device in the place of one whose signatures are bad', async () => {
    const lab = await makeLab('replaced');
    const begun = await beginLockstep(provider, { ...lab, server: { ...lab.server, cohort: 9 } });
    const bad = lab.ids[0]!;
    const { outcome } = await playToEnd(begun, {
      tamperUp: (device, message) =>
        device === bad && message.name === 'advertise'
          ? { name: 'advertise', body: concat(message.body.slice(0, 144), bytes(64), message.body.slice(208)) }
          : message,
    });
    expect(outcome).toMatchObject({ kind: 'committed', funnel: { advertised: 9, masked: 9 } });
    expect(outcome?.kind === 'committed' && outcome.survivors).not.toContain(bad);
  });

  it('is abandoned at its deadline with fewer devices than the plan wants', async () => {
    const lab = await secaggLab({ provider, devices: 5, seed: 'few', plan: { minDevices: 4 } });
    const fateOf = ({ device }: { device: DeviceId }) =>
      lab.ids.indexOf(device) < 2
        ? ({ do: 'deliver', afterMs: [] } as const)
        : ({ do: 'deliver', afterMs: [0] } as const);
    const report = await runLoopback({ ...lab, provider, fateOf });
    expect(report.ending).toMatchObject({ kind: 'abandoned', reason: 'too-few-devices', turn: 'advertise' });
  });
});

describe('every message is answered at once', () => {
  const now = Date.UTC(2024, 0, 1);
  const answerOf = ([state, effects]: readonly [ServerState, readonly ServerEffect[]]) => {
    const answers = effects.filter((effect) => effect.do === 'answer');
    expect(answers).toHaveLength(1);
    const { reply } = answers[0]!;
    return { state, code: reply.ok ? 'ok' : reply.code };
  };
  const say = (state: ServerState, from: string, message: UpMessage) =>
    answerOf(stepServer(state, { on: 'message', from, message, now }));
  const message = (name: UpMessage['name'], body: Bytes = bytes(0)): UpMessage => ({ name, body });

  it('while the cohort gathers', async () => {
    const lab = await makeLab('answers');
    const begun = await beginLockstep(provider, lab);
    const [first, second, third] = lab.ids;
    const advertisement = begun.devices.get(first!)!.sent[0]!;
    const advertised = say(begun.server, first!, advertisement);
    expect(advertised.code).toBe('ok');
    expect(say(advertised.state, first!, advertisement).code).toBe('duplicate');
    expect(say(advertised.state, second!, advertisement).code).toBe('invalid-input');
    expect(say(advertised.state, second!, message('advertise', bytes(10))).code).toBe('invalid-input');
    expect(say(advertised.state, second!, message('deal')).code).toBe('wrong-turn');
    expect(say(advertised.state, second!, message('resume')).code).toBe('ok');
    expect(say(advertised.state, 'AAAAAAAAAAAAAAAAAAAAAA', advertisement).code).toBe('forbidden');
    const left = say(advertised.state, third!, message('withdraw'));
    expect(left.code).toBe('ok');
    expect(say(left.state, third!, begun.devices.get(third!)!.sent[0]!).code).toBe('round-over');
  });

  it('in later turns and after the end', async () => {
    const lab = await makeLab('answers');
    const dealing = await playTurn(await beginLockstep(provider, lab));
    const [first, second] = lab.ids;
    const deal = dealing.devices.get(first!)!.sent[0]!;
    const dealt = say(dealing.server, first!, deal);
    expect(dealt.code).toBe('ok');
    expect(say(dealt.state, first!, deal).code).toBe('duplicate');
    expect(say(dealt.state, second!, message('deal', bytes(99))).code).toBe('invalid-input');
    expect(say(dealt.state, second!, message('unmask', bytes(99))).code).toBe('wrong-turn');
    expect(say(dealt.state, second!, message('advertise')).code).toBe('duplicate');
    const [stopped, effects] = stopServer(dealt.state);
    const stop = { kind: 'abandoned', reason: 'stopped' };
    expect(effects.at(-1)).toMatchObject({ do: 'finish', outcome: { kind: 'formed', cohorts: [stop] } });
    expect(say(stopped, second!, message('deal', bytes(99))).code).toBe('round-over');
    expect(say(stopped, second!, message('resume')).code).toBe('ok');
  });
});

describe('a step', () => {
  it('leaves the state before it as it was', async () => {
    const lab = await makeLab('pure');
    const dealing = await playTurn(await beginLockstep(provider, lab));
    const play = async () => (await playToEnd(dealing)).outcome;
    const [first, second] = [await play(), await play()];
    expect(first).toMatchObject({ kind: 'committed' });
    expect(second).toEqual(first);
  });

  it('wakes at the end of each turn', async () => {
    const lab = await makeLab('wake');
    const [, effects] = startServer(lab.server, 1000);
    expect(effects).toEqual([{ do: 'wake', at: 11_000 }]);
  });
});
