import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newSession, type SessionEffect, type SessionHappening, type SessionState, stepSession } from './session.ts';

const nonce = 'A'.repeat(43);

/** Feeds happenings one after the other, a second apart. */
function play(happenings: readonly SessionHappening[], state: SessionState = newSession(undefined), from = 0) {
  const effects: SessionEffect[] = [];
  let now = from;
  for (const happening of happenings) {
    const [next, more] = stepSession(state, { ...happening, now, chance: 0.5 });
    state = next;
    effects.push(...more);
    now += 1000;
  }
  return { state, effects, now };
}

const challenge: SessionHappening = { on: 'packet', packet: { name: 'challenge', header: { nonce } } };
const proved: SessionHappening = { on: 'proved', nonce, signature: new Uint8Array(64) };
const upToCheckIn: SessionHappening[] = [{ on: 'start' }, challenge, proved];
const plan: SessionHappening = {
  on: 'packet',
  packet: { name: 'plan', header: { round: '5', algorithm: 'moments/1' }, body: new Uint8Array(9) },
};
const sent = (effects: readonly SessionEffect[]) =>
  effects.flatMap((effect) => (effect.do === 'send' ? [effect.packet.name] : []));

describe('a session', () => {
  it('connects, answers the challenge, checks in', () => {
    const { effects, state } = play(upToCheckIn);
    expect(effects.map((effect) => effect.do).filter((name) => name !== 'wake')).toEqual(['connect', 'prove', 'send']);
    expect(sent(effects)).toEqual(['check-in']);
    expect(state.work.is).toBe('waiting');
  });

  it('that hears nothing for long after its check-in checks in again', () => {
    const { effects, state, now } = play(upToCheckIn);
    const { at } = effects.findLast((effect) => effect.do === 'wake')!;
    const [, early] = stepSession(state, { on: 'wake', now: at - 1, chance: 0.5 });
    const [next, late] = stepSession(state, { on: 'wake', now: at, chance: 0.5 });
    expect(at - now).toBeGreaterThan(240_000);
    expect([sent(early), sent(late), next.work.is]).toEqual([[], ['check-in'], 'waiting']);
  });

  it('checks in only with a signature of this connection’s challenge', () => {
    const stale: SessionHappening = { on: 'proved', nonce: 'B'.repeat(43), signature: new Uint8Array(64) };
    expect(sent(play([{ on: 'start' }, challenge, stale]).effects)).toEqual([]);
  });

  it('takes a plan only when it has asked for one, and only one at a time', () => {
    expect(play([{ on: 'start' }, challenge, plan]).state.work.is).toBe('resting');
    const another = {
      on: 'packet',
      packet: { ...plan.packet, header: { round: '6', algorithm: 'moments/1' } },
    } as SessionHappening;
    const { state, effects } = play([...upToCheckIn, plan, another]);
    expect(state.work).toMatchObject({ is: 'preparing', round: 5n });
    expect(effects.filter((effect) => effect.do === 'prepare')).toHaveLength(1);
  });

  it('that is shown two plans for one round follows the first, and tells the app that they contradict each other', () => {
    const other = { ...plan, packet: { ...plan.packet, body: new Uint8Array(9).fill(1) } } as SessionHappening;
    const decline = { on: 'declined', round: 5n, reason: 'not-eligible' } as const;
    const reported = (...plans: readonly SessionHappening[]) => {
      const { effects } = play([...upToCheckIn, ...plans, decline]);
      expect(effects.filter((effect) => effect.do === 'prepare')).toHaveLength(1);
      return effects.find((effect) => effect.do === 'report')?.outcome;
    };
    const declined = { outcome: 'declined', reason: 'not-eligible' };
    expect(reported(plan, other)).toEqual({ ...declined, contradictions: 1 });
    // The same plan again is a repetition, and whoever comes back is sent it again.
    expect(reported(plan, plan)).toEqual({ ...declined, contradictions: 0 });
  });

  it('whose connection breaks while it prepares comes back by a resume', () => {
    const { effects, now, state } = play([...upToCheckIn, plan, { on: 'disconnected' }]);
    const later = [{ on: 'wake' }, challenge, proved] as const;
    const rest: SessionEffect[] = [];
    let next = state;
    for (const happening of later) {
      const [after, more] = stepSession(next, { ...happening, now: now + 60_000, chance: 0.5 });
      next = after;
      rest.push(...more);
    }
    expect(sent(effects)).toEqual(['check-in']);
    expect(sent(rest)).toEqual(['resume']);
  });

  it('that comes back speaks in the round only once its resume is answered', () => {
    const broken = play([...upToCheckIn, plan, { on: 'disconnected' }]);
    const proving = play([{ on: 'wake' }, challenge, proved], broken.state, 60_000);
    expect(proving.state.link).toMatchObject({ is: 'up', isLetIn: false });
    const answer: SessionHappening = { on: 'replied', to: 'resume', round: 5n, reply: { ok: true } };
    expect(play([answer], proving.state, 70_000).state.link).toMatchObject({ is: 'up', isLetIn: true });
  });

  describe('whose message the coordinator cannot take now', () => {
    const refusedReply = (retryAfterMs?: number): SessionHappening => ({
      ...{ on: 'replied', to: 'advertise', round: 5n },
      reply: { ok: false, code: 'rate-limited', detail: '', ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
    });
    const resumed: SessionHappening = { on: 'replied', to: 'resume', round: 5n, reply: { ok: true } };
    const taken: SessionHappening = { on: 'replied', to: 'advertise', round: 5n, reply: { ok: true } };
    const waitAfter = ({ state, now }: ReturnType<typeof play>) =>
      state.link.is === 'down' ? state.link.until - (now - 1000) : undefined;

    it('hangs up, stays in the round and comes back when it was told to', () => {
      const played = play([...upToCheckIn, plan, refusedReply(40_000), { on: 'disconnected' }]);
      expect(played.effects.filter((effect) => effect.do === 'disconnect')).toHaveLength(1);
      expect(played.state.work).toMatchObject({ is: 'preparing', round: 5n });
      expect(played.state.link).toEqual({ is: 'down', until: 4000 + 40_000 });
    });

    it('waits longer each time, also when it was let back in between, until a message is taken', () => {
      const first = play([...upToCheckIn, plan, refusedReply()]);
      const again = [{ on: 'wake' }, challenge, proved, resumed] as const;
      const second = play([...again, refusedReply()], first.state, 10_000);
      const third = play([...again, refusedReply()], second.state, 20_000);
      const afterSuccess = play([...again, taken, refusedReply()], third.state, 30_000);
      const waits = [first, second, third, afterSuccess].map(waitAfter);
      expect(waits).toEqual([150, 300, 600, 150]);
    });
  });

  it('that has declined a round says so in its next check-in, as if it had taken part', () => {
    const { effects } = play([
      ...upToCheckIn,
      plan,
      { on: 'declined', round: 5n, reason: 'budget' },
      { on: 'wake' },
      { on: 'wake' },
      { on: 'wake' },
    ]);
    const checkIns = effects.flatMap((effect) =>
      effect.do === 'send' && effect.packet.name === 'check-in' ? [effect.packet.header] : [],
    );
    expect(checkIns).toHaveLength(2);
    expect(checkIns[1]).toMatchObject({ lastRound: '5' });
    expect(
      JSON.stringify(
        effects.filter((effect) => effect.do === 'send'),
        (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
      ),
    ).not.toContain('budget');
  });

  it('that came back too late for its round speaks in the next one, on the same connection', () => {
    const { state, effects } = play([
      ...upToCheckIn,
      plan,
      { on: 'disconnected' },
      { on: 'wake' },
      challenge,
      proved,
      { on: 'replied', to: 'resume', round: 5n, reply: { ok: false, code: 'round-over', detail: '' } },
      { on: 'wake' },
    ]);
    expect(sent(effects)).toEqual(['check-in', 'resume', 'check-in']);
    expect(state.link).toMatchObject({ is: 'up', isLetIn: true });
  });

  it('that was left hangs up and does nothing any more, whatever comes', () => {
    const { state, effects } = play([
      ...upToCheckIn,
      { on: 'leave' },
      plan,
      challenge,
      { on: 'wake' },
      { on: 'start' },
    ]);
    expect(sent(effects)).toEqual(['check-in', 'withdraw']);
    expect(state.link).toEqual({ is: 'closed' });
  });
});

describe('the law: whatever happens in whatever order', () => {
  const header = fc.oneof(
    fc.constant({}),
    fc.constant(undefined),
    fc.record({ round: fc.constantFrom('1', '2', 'x'), algorithm: fc.constant('moments/1') }),
    fc.record({ reason: fc.constantFrom('round-over', 'task-paused', 'draining'), checkInAfterMs: fc.nat(200_000) }),
    fc.constant({ nonce }),
  );
  const packet = fc.record(
    {
      name: fc.constantFrom('challenge', 'plan', 'pace', 'roster', 'outcome', 'nonsense'),
      header,
      body: fc.uint8Array({ maxLength: 8 }) as fc.Arbitrary<Uint8Array<ArrayBuffer>>,
    },
    { requiredKeys: ['name', 'header'] },
  );
  const reply = fc.oneof(
    fc.constant({ ok: true } as const),
    fc.record({
      ok: fc.constant(false as const),
      code: fc.constantFrom('duplicate', 'round-over', 'rate-limited'),
      detail: fc.constant(''),
    }),
  );
  const happening = fc.oneof(
    fc.constant({ on: 'wake' } as const),
    fc.constant({ on: 'disconnected' } as const),
    fc.constant(proved),
    fc.record({ on: fc.constant('packet' as const), packet }),
    fc.record({
      on: fc.constant('replied' as const),
      to: fc.constantFrom('check-in', 'resume', 'deal'),
      round: fc.constantFrom(undefined, 1n, 2n),
      reply,
    }),
    fc.record({
      on: fc.constant('declined' as const),
      round: fc.constantFrom(1n, 2n),
      reason: fc.constant('budget' as const),
    }),
  ) as fc.Arbitrary<SessionHappening>;

  it('a device says nothing before it has proved itself, and always has a next thing to do or wait for', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 40 }), (happenings) => {
        let [state, effects] = stepSession(newSession(undefined), { on: 'start', now: 0, chance: 0 });
        let now = 0;
        for (const one of happenings) {
          now += 500;
          const before = state;
          [state, effects] = stepSession(state, { ...one, now, chance: 0.25 });
          if (effects.some((effect) => effect.do === 'send')) {
            const isProved = before.link.is === 'up' || (one.on === 'proved' && before.link.is === 'proving');
            expect(isProved).toBe(true);
          }
          const isWaitingForOthers =
            state.link.is === 'proving' || state.work.is === 'waiting' || state.work.is === 'preparing';
          expect(isWaitingForOthers || effects.some((effect) => effect.do === 'wake')).toBe(true);
        }
      }),
    );
  });
});
