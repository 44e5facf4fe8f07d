import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ConsentCircumstances,
  type ConsentEvent,
  consentState,
  consentStates,
  hasConsent,
  nextDecisionAt,
} from './consent.ts';
import { purposes } from './purposes.ts';

const policies = ['old', 'new'];
const circumstances = (changes: Partial<ConsentCircumstances> = {}): ConsentCircumstances => ({
  now: 1000,
  policy: 'new',
  isRefusedBySignal: false,
  ...changes,
});

const purpose = fc.constantFrom(...purposes);
const at = fc.integer({ min: 0, max: 20 });
const decision = fc.constantFrom('granted', 'denied', 'withdrawn');
const decided: fc.Arbitrary<ConsentEvent> = fc.record(
  {
    kind: fc.constant('decided'),
    at,
    policy: fc.constantFrom(...policies),
    decisions: fc.dictionary(purpose, decision, { minKeys: 1 }),
    expiresAt: fc.integer({ min: 0, max: 40 }),
  },
  { requiredKeys: ['kind', 'at', 'policy', 'decisions'] },
);
const asked: fc.Arbitrary<ConsentEvent> = fc.record({
  kind: fc.constant('asked'),
  at,
  purposes: fc.uniqueArray(purpose, { minLength: 1 }),
});
const history = fc.array(fc.oneof({ arbitrary: decided, weight: 3 }, asked), { maxLength: 12 });
const moment = fc.record({
  now: fc.integer({ min: 0, max: 50 }),
  policy: fc.constantFrom(...policies),
  isRefusedBySignal: fc.boolean(),
});

describe('the law: for every history', () => {
  it('what is allowed was granted by the latest decision, about this text, still in time, with no signal against', () => {
    fc.assert(
      fc.property(purpose, history, moment, (purpose, history, moment) => {
        fc.pre(hasConsent(purpose, history, moment));
        const about = history.flatMap((event) =>
          event.kind === 'decided' && event.decisions[purpose] !== undefined ? [event] : [],
        );
        const latest = Math.max(...about.map(({ at }) => at));
        const last = about.filter(({ at }) => at === latest);
        expect(moment.isRefusedBySignal).toBe(false);
        expect(last.every(({ decisions }) => decisions[purpose] === 'granted')).toBe(true);
        expect(last.some(({ policy }) => policy === moment.policy)).toBe(true);
        expect(last.every(({ expiresAt = Infinity }) => moment.now < expiresAt)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('the order in which events arrive does not matter', () => {
    const shuffled = history.chain((events) =>
      fc.tuple(fc.constant(events), fc.shuffledSubarray(events, { minLength: events.length })),
    );
    fc.assert(
      fc.property(shuffled, moment, ([events, reordered], moment) => {
        expect(consentStates(reordered, moment)).toEqual(consentStates(events, moment));
      }),
    );
  });

  it('a withdrawal or denial now ends what was allowed, for that purpose alone and for ever', () => {
    fc.assert(
      fc.property(purpose, history, moment, fc.constantFrom('denied', 'withdrawn'), (purpose, history, moment, no) => {
        const at = nextDecisionAt(history, moment.now);
        const refusal: ConsentEvent = { kind: 'decided', at, policy: moment.policy, decisions: { [purpose]: no } };
        const after = [...history, refusal];
        for (const policy of policies) {
          expect(consentState(purpose, after, { ...moment, policy, now: at + 1e9 })).toBe(no);
        }
        for (const other of purposes) {
          if (other === purpose) continue;
          expect(consentState(other, after, moment)).toBe(consentState(other, history, moment));
        }
      }),
    );
  });

  it('a signal refuses everything, and time alone never allows anything', () => {
    fc.assert(
      fc.property(purpose, history, moment, fc.nat(100), (purpose, history, moment, later) => {
        expect(hasConsent(purpose, history, { ...moment, isRefusedBySignal: true })).toBe(false);
        const isAllowedLater = hasConsent(purpose, history, { ...moment, now: moment.now + later });
        expect(!isAllowedLater || hasConsent(purpose, history, moment)).toBe(true);
      }),
    );
  });
});

describe('a life of one purpose', () => {
  const state = (history: readonly ConsentEvent[], changes: Partial<ConsentCircumstances> = {}) =>
    consentState('training', history, circumstances(changes));
  const ask: ConsentEvent = { kind: 'asked', at: 1, purposes: ['training'] };
  const grant: ConsentEvent = {
    kind: 'decided',
    at: 2,
    policy: 'new',
    decisions: { training: 'granted' },
    expiresAt: 2000,
  };
  const withdraw: ConsentEvent = { kind: 'decided', at: 3, policy: 'new', decisions: { training: 'withdrawn' } };

  it('goes from unknown through pending to granted and withdrawn', () => {
    expect(state([])).toBe('unknown');
    expect(state([ask])).toBe('pending');
    expect(state([ask, grant])).toBe('granted');
    expect(state([ask, grant, withdraw])).toBe('withdrawn');
  });

  it('a grant expires at its instant', () => {
    expect(state([grant], { now: 1999 })).toBe('granted');
    expect(state([grant], { now: 2000 })).toBe('expired');
  });

  it('a new text supersedes a grant, and asking again makes it pending', () => {
    expect(state([grant], { policy: 'newer' })).toBe('superseded');
    expect(state([grant, { ...ask, at: 5 }], { policy: 'newer' })).toBe('pending');
  });

  it('a new text does not make a refusal open again', () => {
    const deny: ConsentEvent = { kind: 'decided', at: 2, policy: 'old', decisions: { training: 'denied' } };
    expect(state([deny])).toBe('denied');
  });

  it('of a grant and a refusal at one instant the refusal counts', () => {
    const deny: ConsentEvent = { kind: 'decided', at: 2, policy: 'new', decisions: { training: 'denied' } };
    expect(state([grant, deny])).toBe('denied');
    expect(state([deny, grant])).toBe('denied');
  });

  it('Global Privacy Control is a refusal from the first moment on', () => {
    expect(state([], { isRefusedBySignal: true })).toBe('denied');
    expect(state([grant], { isRefusedBySignal: true })).toBe('denied');
    expect(state([grant, withdraw], { isRefusedBySignal: true })).toBe('withdrawn');
  });

  it('a purpose that was never named is untouched by what was decided on another', () => {
    expect(consentStates([grant], circumstances())).toEqual({
      scoring: 'unknown',
      personalization: 'unknown',
      training: 'granted',
      diagnostics: 'unknown',
    });
  });
});

it('a withdrawal under a clock that was set back still takes the grant back', () => {
  const grant: ConsentEvent = { kind: 'decided', at: 9_000, policy: 'new', decisions: { training: 'granted' } };
  const at = nextDecisionAt([grant], 50);
  const withdraw: ConsentEvent = { kind: 'decided', at, policy: 'new', decisions: { training: 'withdrawn' } };
  expect(at).toBe(9_001);
  expect(consentState('training', [withdraw, grant], circumstances({ now: 51 }))).toBe('withdrawn');
  expect(nextDecisionAt([], 50)).toBe(50);
});
