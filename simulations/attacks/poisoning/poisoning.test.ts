import type { LabelledRow } from '@chorale/shared/algorithms';
import { chooseEncoding, isPlausible, type MergeRule } from '@chorale/shared/encoding';
import { seededRandom } from '@chorale/shared/testing';
import { describe, expect, it } from 'vitest';
import type { Forgery } from '../../fast.ts';
import { type AttackName, createPoisoners } from './poisoners.ts';
import { rowsOf } from './report.ts';
import { studyPoisoning, trialsOf } from './study.ts';
import { type Ground, trainUnderAttack } from './training.ts';
import { attackSuccess, triggered } from './trigger.ts';

const seed = 'poisoning';
const random = seededRandom(seed);

/** The first feature tells who buys, the second nothing, and the third is the backdoor's: nobody has it. */
const people = (count: number): LabelledRow[][] =>
  Array.from({ length: count }, () =>
    Array.from({ length: 1 + random.below(6) }, () => {
      const drive = random.normal();
      const label = random.uniform() < 1 / (1 + Math.exp(1.5 - 2 * drive)) ? 1 : 0;
      return { features: Float32Array.of(drive, random.normal(), 0.2 * random.normal()), label };
    }),
  );

const trigger = new Map([[2, 4]]);
const ground: Ground = {
  ...{ devices: people(300), test: people(300).flat(), trigger, baseRate: 0.3 },
  standardization: { mean: [0, 0, 0], std: [1, 1, 1], clip: 4 },
  ...{ cohort: 12, cohorts: 9, rounds: 8, participations: 8, epsilon: 8 },
};
const sum: MergeRule = { rule: 'sum' };
const trimmed: MergeRule = { rule: 'trimmed-mean', trim: 0.3 };
const median: MergeRule = { rule: 'median' };
const train = (attack: AttackName | undefined, merge: MergeRule, share = 0.05) =>
  trainUnderAttack(ground, { attack, share, merge, isNoisy: false, seed: 1 });

describe('what a poisoner sends', () => {
  const layout = [{ name: 'update', length: 3, clipNorm: 1, meanOver: 'contributors' }] as const;
  const encoding = chooseEncoding(layout, { mechanism: 'none', maxDevices: 12 });
  const cohort = [7, 3, 5, 1];
  const rows = (device: number): LabelledRow[] => [{ features: Float32Array.of(device, 0, 0), label: 0 }];
  const devices = Array.from({ length: 8 }, (_, device) => rows(device));
  /** An encoder that shows its input: the first feature of the last row, its third, and its label, in hundreds of steps. */
  const encode: Forgery<LabelledRow>['encode'] = async (given) => {
    const { features, label } = given.at(-1)!;
    return Uint32Array.of(100 * features[0]!, 100 * features[2]!, 100 * label);
  };
  const send = async (attack: AttackName, device: number, noiseVariance = 0n) => {
    const poisoners = createPoisoners({ attack, devices, coalition: [3, 5], trigger });
    const words = await poisoners.forge({ round: 0, device, cohort, encoding, noiseVariance, encode });
    return words && [...new Int32Array(words)];
  };

  it.each([
    ['sign-flipped', [-300, -0, -0]],
    ['label-flipped', [300, 0, 100]],
    ['backdoored', [300, 400, 100]],
  ] as const)('%s, it is an honest vector of something else', async (attack, expected) => {
    expect(await send(attack, 3)).toEqual(expected.map((value) => value + 0));
    expect(await send(attack, 7)).toBeUndefined();
  });

  it.each([
    'scaled',
    'scaled-backdoor',
  ] as const)('%s, it is within the range of its cohort, and sent once', async (attack) => {
    for (const noiseVariance of [0n, 10n ** 12n]) {
      const pushed = (await send(attack, 3, noiseVariance))!;
      const of = { contributors: cohort.length, noiseVariance };
      expect(isPlausible(Uint32Array.from(pushed), encoding, of)).toBe(true);
      // A little longer and it would not be.
      expect(
        isPlausible(
          Uint32Array.from(pushed, (value) => 2.1 * value),
          encoding,
          of,
        ),
      ).toBe(false);
    }
    expect(await send(attack, 5)).toEqual([0, 0, 0]);
    const [along] = (await send(attack, 3))!;
    expect(Math.sign(along!)).toBe(attack === 'scaled' ? -1 : 1);
  });

  it('out of range, it spoils the cohort', async () => {
    const words = Uint32Array.from((await send('out-of-range', 3))!);
    expect(isPlausible(words, encoding, { contributors: 4, noiseVariance: 0n })).toBe(false);
  });
});

describe(`a model trained by ${ground.devices.length} devices (seed ${seed})`, () => {
  it('is as good by any rule where nobody attacks, and its backdoor is shut', async () => {
    for (const merge of [sum, trimmed, median]) {
      const { auc, attackSuccess, committed, poisonedCohorts } = await train(undefined, merge);
      expect(auc, merge.rule).toBeGreaterThan(0.84);
      expect(attackSuccess, merge.rule).toBeLessThan(0.25);
      expect({ committed, poisonedCohorts }).toEqual({ committed: 1, poisonedCohorts: 0 });
    }
  });

  it('is ruined by scaled poisoners in half of its cohorts where sums are added up, and not by a robust rule', async () => {
    const [added, ...robust] = [
      await train('scaled', sum),
      await train('scaled', trimmed),
      await train('scaled', median),
    ];
    expect(added!.poisonedCohorts).toBeGreaterThan(0.4);
    expect(added!.auc).toBeLessThan(0.6);
    for (const { auc } of robust) expect(auc).toBeGreaterThan(0.8);
  });

  it('has a backdoor that they open in a sum, and not where their cohorts are left out', async () => {
    expect((await train('scaled-backdoor', sum, 0.03)).attackSuccess).toBeGreaterThan(0.9);
    for (const merge of [trimmed, median])
      expect((await train('scaled-backdoor', merge, 0.03)).attackSuccess, merge.rule).toBeLessThan(0.35);
  });

  it('is ruined by any rule once nearly all cohorts have a poisoner', async () => {
    for (const merge of [sum, trimmed, median]) {
      const { auc, poisonedCohorts } = await train('scaled', merge, 0.2);
      expect(poisonedCohorts).toBeGreaterThan(0.9);
      expect(auc, merge.rule).toBeLessThan(0.5);
    }
  });

  it('loses rounds to poisoners that go out of range, and no more', async () => {
    const few = await train('out-of-range', sum, 0.01);
    expect(few.committed).toBe(1);
    expect(few.auc).toBeGreaterThan(0.83);
    const many = await train('out-of-range', median, 0.1);
    expect(many.committed).toBeLessThan(0.5);
  });
});

it('a study trains every attack by every rule with noise and without, and one kind without attack', async () => {
  const study = {
    attacks: ['scaled', 'backdoored'] as const,
    shares: [0.01],
    merges: [sum, median],
    noises: [false, true],
    seeds: 1,
  };
  const seen: string[] = [];
  const small = { ...ground, rounds: 1 };
  const findings = await studyPoisoning({ ...study, ground: small, onTrial: (done) => seen.push(`${done}`) });
  expect(seen.at(-1)).toBe(`${trialsOf(study)}`);
  expect(findings).toHaveLength(2 * 3 * 2);
  const lines = rowsOf({ findings, dataset: 'nobody' } as unknown as Parameters<typeof rowsOf>[0]);
  expect(lines).toHaveLength(6);
  expect(lines[1]).toMatch(
    /^poisoning of nobody, scaled, without noise: AUC and backdoor by sum, median at 1 %: 0\.\d{3}/,
  );
});

it('a backdoor counts as open where the pattern outranks nine tenths of the rows as they are', () => {
  const rows = Array.from({ length: 100 }, (_, i) => ({ features: Float32Array.of(i, 0, 0), label: i % 2 }));
  const score = (weight: number) => (features: readonly Float32Array[]) =>
    Float32Array.from(features, (row) => row[0]! + weight * row[2]!);
  expect(attackSuccess(rows, trigger, score(100))).toBe(1);
  expect(attackSuccess(rows, trigger, score(0))).toBeCloseTo(0.08, 5);
  expect(attackSuccess(rows, trigger, () => new Float32Array(100))).toBe(0);
  expect(triggered(rows[0]!, trigger)).toEqual({ features: Float32Array.of(0, 0, 4), label: 1 });
  expect(rows[0]!.features[2]).toBe(0);
});
