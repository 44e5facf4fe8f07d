import { type Bytes, newId, utf8 } from '@chorale/shared';
import { builtIn } from '@chorale/shared/algorithms';
import { sha256 } from '@chorale/shared/crypto';
import { chooseEncoding } from '@chorale/shared/encoding';
import { noiseMultiplierFor, type PrivacyPolicy, zero } from '@chorale/shared/privacy';
import { type Plan, type PlanKeyCertificate, trainingFloors } from '@chorale/shared/secagg';
import { seededRandom } from '@chorale/shared/testing';
import { encodeBroadcast, type TaskView } from '@chorale/shared/wire';
import { describe, expect, it } from 'vitest';
import { bounds, planOf } from '../testing/fake-coordinator.ts';
import { dearestCost, inspectOffer, inspectQuestion, type Stance } from './guard.ts';
import type { DeclineReason } from './outcome.ts';
import { readQuestion } from './question.ts';

const now = 1_700_000_000_000;
const task = newId('task', now, seededRandom('guard'));
const otherTask = newId('task', now, seededRandom('another'));
const asked = { bounds, maxRows: 8 };
const broadcast = encodeBroadcast({ examples: { source: 'pairs/1' }, algorithm: asked });
const encoding = chooseEncoding(builtIn.get('moments/1')!.layout(asked), { mechanism: 'none', maxDevices: 256 });
const sha = 'ab'.repeat(32);
const view = { id: task, algorithm: 'moments/1', consentPolicy: { sha256: sha } } as TaskView;
const honest: Plan = { ...planOf({ view, round: 8n, broadcast, encoding, now }), minDevices: 32, maxDevices: 256 };
const certificate: PlanKeyCertificate = {
  key: new Uint8Array(32),
  notBefore: now - 1,
  notAfter: now + 1,
  epoch: 0,
  tasks: [task],
  signature: new Uint8Array(64),
};
const stance: Stance = {
  task,
  floors: trainingFloors,
  policyHash: honest.policyHash,
  promise: { mechanism: 'none' },
  purpose: 'training',
  lastRound: 7n,
  ledger: [],
  limits: { roundsPerDay: 1, bytesPerDay: 1_000_000, rhoPerYear: 1 },
  now,
};
const yesterdaysRound = {
  task,
  purpose: 'training',
  round: '7',
  claimedAt: now - 1000,
  stages: ['claimed' as const, 'spent' as const],
  sentBytes: 0,
};
const noisy = { mechanism: 'distributed', noiseNumerator: 1, noiseDenominator: 1 } as const;

const promised: PrivacyPolicy = {
  ...{ mechanism: 'distributed', unit: 'device-enrolment', epsilon: 1, delta: 1e-5, participations: 10 },
};
const promisedMultiplier = noiseMultiplierFor(promised);
const promisedNoise = {
  mechanism: 'distributed',
  noiseNumerator: promisedMultiplier.numerator,
  noiseDenominator: promisedMultiplier.denominator,
} as const;

describe('an offer', () => {
  it('that keeps what the task had promised is taken, and so is one with more noise', () => {
    const bound = { ...stance, promise: promised };
    const central = { ...bound, promise: { ...promised, mechanism: 'central' } } as const;
    const more = { ...promisedNoise, noiseNumerator: 2 * promisedNoise.noiseNumerator };
    for (const noise of [promisedNoise, more])
      for (const own of [bound, central])
        expect(inspectOffer({ ...honest, ...noise }, certificate, own)).toBeUndefined();
  });

  it('as strong as the device asks for is taken', () => {
    expect(inspectOffer(honest, certificate, stance)).toBeUndefined();
    expect(inspectOffer(honest, certificate, { ...stance, lastRound: undefined })).toBeUndefined();
  });

  type Case = [string, DeclineReason, Partial<Plan>, Partial<Stance>?, Partial<PlanKeyCertificate>?];
  const refused: Case[] = [
    ['for another task', 'bad-signature', { task: otherTask }, {}, { tasks: [task, otherTask] }],
    ['by a key for other tasks', 'bad-signature', {}, {}, { tasks: [otherTask] }],
    ['by a key that is not valid yet', 'bad-signature', {}, {}, { notBefore: now + 1 }],
    ['by a key that is not valid any more', 'bad-signature', {}, {}, { notAfter: now - 1 }],
    ['for a round that was claimed', 'stale-round', {}, { lastRound: 8n }],
    ['for an earlier round', 'stale-round', {}, { lastRound: 9n }],
    ['that jumps over more than 2^20 rounds', 'stale-round', { round: 8n + 2n ** 20n }, { lastRound: 7n }],
    ['of another epoch than its key', 'stale-round', { round: 2n ** 48n + 8n }],
    ['under another consent text', 'policy-superseded', { policyHash: sha256(utf8('another')) }],
    ['that assumes fewer corrupt devices', 'parameters-too-weak', { corruptBasisPoints: 999 }],
    ['that tolerates more dropouts', 'parameters-too-weak', { dropoutBasisPoints: 3001 }],
    ['of less statistical security', 'parameters-too-weak', { sigma: 79 }],
    ['whose largest cohort is too small', 'cohort-too-small', { minDevices: 3, maxDevices: 31 }],
    [
      'without noise, where the device insists on it',
      'noise-too-weak',
      {},
      { floors: { ...trainingFloors, mechanisms: ['distributed'] } },
    ],
    [
      'of less noise than the device insists on',
      'noise-too-weak',
      noisy,
      { floors: { ...trainingFloors, minNoiseMultiplier: 2 } },
    ],
    ['without noise, where the task had promised some', 'noise-too-weak', {}, { promise: promised }],
    [
      'whose coordinator adds the noise, where devices were to',
      'noise-too-weak',
      { ...promisedNoise, mechanism: 'central' },
      { promise: promised },
    ],
    [
      'of less noise than the task had promised',
      'noise-too-weak',
      { ...promisedNoise, noiseNumerator: promisedNoise.noiseNumerator - 2 },
      { promise: promised },
    ],
    ['beyond the rounds of a day', 'budget', {}, { ledger: [yesterdaysRound] }],
    [
      'beyond the bytes of a day',
      'budget',
      {},
      { limits: { ...stance.limits, bytesPerDay: 4 * honest.dimension - 1 } },
    ],
    ['beyond the ρ of a year', 'budget', noisy, { limits: { ...stance.limits, rhoPerYear: 0.49 } }],
  ];
  for (const [what, reason, plan, own, key] of refused) {
    it(`${what} is refused: ${reason}`, () => {
      expect(inspectOffer({ ...honest, ...plan }, { ...certificate, ...key }, { ...stance, ...own })).toBe(reason);
    });
  }

  it('takes the last round that is not a jump, and any round after a raised epoch', () => {
    const far = { ...honest, round: 7n + 2n ** 20n };
    expect(inspectOffer(far, certificate, stance)).toBeUndefined();
    const raised = { ...honest, round: 2n ** 48n + 1n };
    expect(inspectOffer(raised, { ...certificate, epoch: 1 }, stance)).toBeUndefined();
  });
});

describe('a question', () => {
  const read = (plan: Partial<Plan> = {}, bytes: Bytes = broadcast) =>
    readQuestion({ ...honest, ...plan }, bytes, builtIn);

  it('is read when the layout that follows from the broadcast is the plan’s', () => {
    expect(read()).toMatchObject({ examples: { source: 'pairs/1' }, encoding: { dimension: honest.dimension } });
  });

  it('in other bytes than the plan names is not the signed one', () => {
    expect(read({}, encodeBroadcast({ examples: { source: 'pairs/1' }, algorithm: { ...asked, maxRows: 9 } }))).toBe(
      'bad-signature',
    );
  });

  it('of a fold is answered where enough devices are left in the sum, and refused where they are not', () => {
    const fold = { label: 'march', of: 4, part: 1, keep: 'inside' } as const;
    const inFold = (minDevices: number, keep: 'inside' | 'outside' = 'inside') => {
      const question = { encoding, examples: { source: 'pairs/1', fold: { ...fold, keep } } };
      return inspectQuestion({ ...honest, minDevices }, question, trainingFloors);
    };
    expect([inFold(64), inFold(63), inFold(32, 'outside')]).toEqual([undefined, 'cohort-too-small', undefined]);
  });

  it('of an algorithm that the device does not have is refused', () => {
    expect(read({ algorithmHash: sha256(utf8('peek/1')) })).toBe('unknown-algorithm');
  });

  it('that asks for more, or in other parts, than its broadcast says is refused', () => {
    expect(read({ dimension: honest.dimension + 1 })).toBe('layout-mismatch');
    expect(read({ segmentCount: honest.segmentCount + 1 })).toBe('layout-mismatch');
  });

  it('whose sensitivity is smaller than what the clip norms allow is refused', () => {
    expect(read({ sensitivitySquared: 1n })).toBe('layout-mismatch');
  });

  it('that its own algorithm cannot read is refused', () => {
    for (const algorithm of [{}, { ...asked, extra: 1 }, null]) {
      const bytes = encodeBroadcast({ examples: { source: 'pairs/1' }, algorithm });
      expect(read({ broadcastHash: sha256(bytes) }, bytes)).toBe('layout-mismatch');
    }
    const noJson = utf8('{');
    expect(read({ broadcastHash: sha256(noJson) }, noJson)).toBe('layout-mismatch');
  });

  it('may round to the nearest, but not where there is noise', () => {
    const bytes = encodeBroadcast({ examples: { source: 'pairs/1' }, algorithm: asked, rounding: 'nearest' });
    const nearest = { broadcastHash: sha256(bytes) };
    expect(read()).toMatchObject({ rounding: 'stochastic' });
    expect(read(nearest, bytes)).toMatchObject({ rounding: 'nearest' });
    for (const mechanism of ['distributed', 'central'] as const) {
      expect(read({ ...noisy, mechanism })).toMatchObject({ rounding: 'stochastic' });
      expect(read({ ...nearest, ...noisy, mechanism }, bytes)).toBe('parameters-too-weak');
    }
    const down = utf8(JSON.stringify({ examples: { source: 'pairs/1' }, algorithm: asked, rounding: 'down' }));
    expect(read({ broadcastHash: sha256(down) }, down)).toBe('layout-mismatch');
  });

  it('whose sums could leave 32 bits at the largest cohort is refused, up to the very device', () => {
    const question = read();
    if (typeof question === 'string') throw new Error(question);
    expect(inspectQuestion(honest, question, trainingFloors)).toBeUndefined();
    const most = Math.floor((2 ** 31 - 1) / (question.encoding.amplitude + 1));
    expect(inspectQuestion({ ...honest, maxDevices: most }, question, trainingFloors)).toBeUndefined();
    expect(inspectQuestion({ ...honest, maxDevices: most + 1 }, question, trainingFloors)).toBe('range-overflow');
  });
});

describe('the price of a round', () => {
  it('is 1/(2z²) at most where devices add noise, exactly, and bytes alone where they do not', () => {
    const charge = dearestCost({ ...honest, mechanism: 'distributed', noiseNumerator: 3, noiseDenominator: 2 });
    expect(charge).toEqual({ sentBytes: 4 * honest.dimension, rho: { numerator: 4n, denominator: 18n } });
    expect(dearestCost(honest)).toEqual({ sentBytes: 4 * honest.dimension, rho: zero });
  });
});
