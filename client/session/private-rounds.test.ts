import type { TaskId } from '@chorale/shared';
import { nodeCrypto } from '@chorale/shared/adapters/node';
import { builtIn } from '@chorale/shared/algorithms';
import { add, chargeOf, toNumber, zero } from '@chorale/shared/privacy';
import { type CohortOutcome, decodeHeader, type Plan } from '@chorale/shared/secagg';
import { loopbackNetwork, rememberingVerdicts, seededRandom, virtualClock } from '@chorale/shared/testing';
import { describe, expect, it } from 'vitest';
import type { ChoraleOptions } from '../node.ts';
import { type Singer, singer } from '../testing/choir.ts';
import { FakeCoordinator, honestOf } from '../testing/fake-coordinator.ts';
import { readQuestion } from './question.ts';

const count = 10;
/** z = 2: a round costs at most ⅛. */
const noise = { numerator: 2, denominator: 1 };

async function hall(seed: string, devices = count) {
  const clock = virtualClock();
  const random = seededRandom(seed);
  const crypto = rememberingVerdicts(nodeCrypto());
  const coordinator = await FakeCoordinator.open({ clock, random: random.fork('coordinator'), crypto });
  const network = loopbackNetwork({ clock, random: random.fork('network'), server: coordinator.server });
  const stage = { clock, random, crypto, coordinator, transport: (device: string) => network.transport(device) };
  const sing = async (options: Partial<ChoraleOptions> = {}, tasks = 1) => {
    const singers = Array.from({ length: devices }, (_, i) => singer(stage, `device ${i}`, options));
    for (const [i, { chorale }] of singers.entries()) {
      await chorale.consent.grant(['training']);
      chorale.track('pair', { a: i, b: 1 });
      await chorale.refresh();
    }
    await clock.runUntil(() => coordinator.waiting === devices * tasks);
    return singers;
  };
  const round = async (task: TaskId) => {
    const outcome = await clock.run(coordinator.openRound(task));
    await clock.advance(100);
    return outcome;
  };
  return { ...stage, sing, round };
}

const reasons = (singers: readonly Singer[]) =>
  singers.map(({ rounds }) => {
    const outcome = rounds.at(-1)?.outcome;
    return outcome?.outcome === 'declined' ? outcome.reason : outcome?.outcome;
  });

const spendings = async (singers: readonly Singer[]) =>
  Promise.all(singers.map(async ({ chorale }) => (await chorale.privacy.report()).rho));

describe('a device in a round with noise of its own', () => {
  it('charges itself Δ₂²/(2hσ_c²), with h of the cohort that came together, and shows it', async () => {
    const on = await hall('charges');
    const task = on.coordinator.addTask({ noise });
    const singers = await on.sing();
    const { plan } = await on.coordinator.planFor(task, 1n);
    const outcome = await on.round(task);
    expect(reasons(singers)).toEqual(Array(count).fill('completed'));
    const variance = varianceOf(plan, outcome);
    const charge = chargeOf(
      { sensitivitySquared: plan.sensitivitySquared, honestSurvivors: honestOf(count) },
      variance,
    );
    for (const { chorale } of singers) {
      const [entry] = (await chorale.privacy.export()).rounds;
      expect(entry).toMatchObject({ mechanism: 'distributed', stages: ['claimed', 'spent', 'signed', 'revealed'] });
      const { numerator, denominator } = entry!.rho!;
      const kept = { numerator: BigInt(numerator), denominator: BigInt(denominator) };
      expect(add(kept, zero)).toEqual(add(charge, zero));
      const rho = toNumber(charge);
      expect(await chorale.privacy.report()).toMatchObject({
        rho,
        used: { roundsToday: 1, bytesToday: 20, rhoThisYear: rho },
        limits: { roundsPerDay: 50, rhoPerYear: 1 },
        byTask: [{ task, purpose: 'training', contributions: 1, rho, mechanisms: ['distributed'] }],
      });
    }
  });

  it('charges itself for the cohort that it is in, where a round has several', async () => {
    const on = await hall('two cohorts', 21);
    // A z for which the least σ_c² of the two cohorts is rounded up by different parts.
    const task = on.coordinator.addTask({ noise: { numerator: 17, denominator: 8 } });
    const singers = await on.sing();
    const { plan } = await on.coordinator.planFor(task, 1n);
    const ending = await on.clock.run(on.coordinator.openCohorts(task, 2));
    await on.clock.advance(100);
    expect(reasons(singers)).toEqual(Array(21).fill('completed'));
    const cohorts = ending.kind === 'formed' ? ending.cohorts : [];
    const charges = cohorts.flatMap((outcome) => {
      if (outcome.kind !== 'committed') return [];
      const { devices, noiseVariance } = decodeHeader(outcome.transcript.header);
      const { sensitivitySquared } = plan;
      const charge = chargeOf({ sensitivitySquared, honestSurvivors: honestOf(devices) }, noiseVariance);
      return outcome.survivors.map(() => toNumber(charge));
    });
    // Eleven devices and ten: h = 7 and 6 of them are sure to add noise.
    expect(new Set(charges).size).toBe(2);
    expect([...(await spendings(singers))].sort()).toEqual(charges.sort());
  });

  it('charges itself also where the round comes to nothing after it has sent', async () => {
    const on = await hall('in vain');
    const task = on.coordinator.addTask({ noise });
    const singers = await on.sing();
    on.coordinator.answer = ({ packet }) => (packet.name === 'certify' ? { ok: true } : undefined);
    expect(await on.round(task)).toMatchObject({ kind: 'abandoned' });
    for (const rho of await spendings(singers)) expect(rho).toBeGreaterThan(0.12);
  });
});

it.each([
  ['none', undefined, 16],
  ['distributed', noise, 8 * Math.SQRT2],
])('a device clips as its coordinator decodes, with and without noise: %s', async (mechanism, asked, clipNorm) => {
  const on = await hall('norms');
  const task = on.coordinator.addTask(asked && { noise: asked });
  const { plan, bundle } = await on.coordinator.planFor(task, 1n);
  const question = readQuestion(plan, bundle.broadcast!, builtIn);
  if (typeof question === 'string') throw new Error(question);
  expect(plan.mechanism).toBe(mechanism);
  const sums = question.encoding.layout.find(({ name }) => name === 'sums')!;
  expect(sums.clipNorm).toBe(clipNorm);
});

describe('a coordinator that lies about noise', () => {
  type Lie = {
    readonly plan?: (plan: Plan) => Partial<Plan>;
    readonly header?: (plan: Plan) => Partial<Plan>;
    readonly options?: Partial<ChoraleOptions>;
  };
  const floors = { minCohort: 10, minHonest: 5 };
  const lies: readonly (readonly [string, string, Lie])[] = [
    [
      'a z below the device’s own minimum',
      'noise-too-weak',
      { plan: () => ({ noiseNumerator: 1 }), options: { floors: { ...floors, minNoiseMultiplier: 1.5 } } },
    ],
    ['a z so small that one round passes the budget', 'budget', { plan: () => ({ noiseDenominator: 3 }) }],
    ['a Δ₂² below what the layout makes possible', 'layout-mismatch', { plan: () => ({ sensitivitySquared: 4n }) }],
    [
      'less noise in the header than the plan promises',
      'noise-too-weak',
      { header: ({ noiseDenominator }) => ({ noiseDenominator: noiseDenominator + 1 }) },
    ],
    [
      'an h that counts on survivors who need not be there',
      'noise-too-weak',
      { header: ({ corruptBasisPoints }) => ({ corruptBasisPoints: corruptBasisPoints - 1000 }) },
    ],
    [
      'fewer survivors than the plan says',
      'survivors-too-few',
      { header: ({ dropoutBasisPoints }) => ({ dropoutBasisPoints: dropoutBasisPoints + 1000 }) },
    ],
    [
      'no noise at all',
      'noise-too-weak',
      {
        plan: () => ({ mechanism: 'none', noiseNumerator: 0, noiseDenominator: 1 }),
        options: { floors: { ...floors, mechanisms: ['distributed'] } },
      },
    ],
  ];
  it.each(lies)('by %s gets no vector: %s', async (_, reason, { plan, header, options = {} }) => {
    const on = await hall('lies');
    const task = on.coordinator.addTask({ noise });
    const singers = await on.sing({ floors, ...options });
    if (plan) on.coordinator.bendPlan = (honest) => ({ ...honest, ...plan(honest) });
    if (header) on.coordinator.bendHeader = (honest) => ({ ...honest, ...header(honest) });
    await on.round(task);
    expect(reasons(singers)).toEqual(Array(count).fill(reason));
    expect(on.coordinator.heard.filter(({ packet }) => packet.name === 'masked-input')).toEqual([]);
    expect(await spendings(singers)).toEqual(Array(count).fill(0));
  });
});

describe('ten tasks on one device', () => {
  const limits = { rhoPerYear: 0.375 };
  const tasksOf = ({ coordinator }: Awaited<ReturnType<typeof hall>>) =>
    Array.from({ length: 10 }, (_, i) => coordinator.addTask({ name: `task ${i}`, noise }));

  it('one after the other have one budget: after three rounds it is spent, also after a restart', async () => {
    const on = await hall('ten tasks');
    const tasks = tasksOf(on);
    const singers = await on.sing({ limits }, tasks.length);
    const kinds: string[] = [];
    for (const task of tasks.slice(0, 5)) kinds.push((await on.round(task)).kind);
    expect(kinds).toEqual(['committed', 'committed', 'committed', 'abandoned', 'abandoned']);
    expect(reasons(singers)).toEqual(Array(count).fill('budget'));

    for (const { chorale } of singers) await chorale.close();
    const again = singers.map(({ disk }, i) => singer(on, `device ${i} again`, { limits }, disk));
    for (const { chorale } of again) await chorale.refresh();
    await on.clock.advance(1000);
    await on.round(tasks[5]!);
    expect(reasons(again)).toEqual(Array(count).fill('budget'));
    for (const rho of await spendings(again)) expect(rho).toBeLessThanOrEqual(limits.rhoPerYear);
  });

  it('at the same time have one budget: what all of them found unspent is spent by three', async () => {
    const on = await hall('ten at once');
    const tasks = tasksOf(on);
    const singers = await on.sing({ limits }, tasks.length);
    await on.clock.run(Promise.all(tasks.map((task) => on.coordinator.openRound(task))));
    await on.clock.advance(1000);
    const masked = on.coordinator.heard.filter(({ packet }) => packet.name === 'masked-input');
    const senders = new Set(masked.map(({ device }) => device));
    expect(senders.size).toBe(3 * count);
    for (const { chorale, rounds } of singers) {
      const report = await chorale.privacy.report();
      expect(report.contributions).toBe(3);
      expect(report.rho).toBeLessThanOrEqual(limits.rhoPerYear);
      const declined = rounds.filter(({ outcome }) => outcome.outcome === 'declined' && outcome.reason === 'budget');
      expect(declined.length).toBeGreaterThan(0);
    }
  });
});

describe('a task window', () => {
  it('lets one contribution out, and the next when it is over', async () => {
    const on = await hall('window');
    const task = on.coordinator.addTask({ noise });
    const singers = await on.sing({ limits: { taskWindowSeconds: 3600 } });
    expect(await on.round(task)).toMatchObject({ kind: 'committed' });
    await on.clock.runUntil(() => on.coordinator.waiting === count);
    expect(await on.round(task)).toMatchObject({ kind: 'abandoned' });
    expect(reasons(singers)).toEqual(Array(count).fill('budget'));
    await on.clock.advance(3_600_000);
    await on.clock.runUntil(() => on.coordinator.waiting === count);
    expect(await on.round(task)).toMatchObject({ kind: 'committed' });
  });
});

/** σ_c² that the cohort of ten was told. */
function varianceOf(plan: Plan, outcome: CohortOutcome): bigint {
  expect(outcome.kind).toBe('committed');
  const needed = 4n * plan.sensitivitySquared;
  const honest = BigInt(honestOf(count));
  return (needed + honest - 1n) / honest;
}
