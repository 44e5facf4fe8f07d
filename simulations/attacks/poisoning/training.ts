/**
 * One model, trained under attack. Where features lie and how often people buy is taken as known, so that only training is
 * attacked; the rest is the recipe of the private scenario in rounds of several cohorts.
 */

import { base64url, floatsToBytes } from '@chorale/shared';
import { fedAvg, type LabelledRow, rocAuc, tableOfRows } from '@chorale/shared/algorithms';
import type { MergeRule } from '@chorale/shared/encoding';
import { predict, type Standardization, standardize } from '@chorale/shared/models';
import { type NoiseMultiplier, noiseMultiplierFor } from '@chorale/shared/privacy';
import { seededRandom } from '@chorale/shared/testing';
import { logisticSpec } from '../../baselines/index.ts';
import { runFast } from '../../fast.ts';
import { linearTrainer } from '../../scenarios/linear-trainer.ts';
import { Pool } from '../../scenarios/pool.ts';
import { honestSurvivorsOf } from '../../scenarios/private-propensity.ts';
import { type AttackName, createPoisoners } from './poisoners.ts';
import { attackSuccess, type Trigger } from './trigger.ts';

/** What all models of a study have in common. */
export type Ground = {
  readonly devices: readonly (readonly LabelledRow[])[];
  readonly test: readonly LabelledRow[];
  readonly standardization: Standardization;
  /** Of the labels, in (0, 1): training starts from the model that knows it alone. */
  readonly baseRate: number;
  readonly trigger: Trigger;
  /** Devices of one cohort, and cohorts of one round. */
  readonly cohort: number;
  readonly cohorts: number;
  readonly rounds: number;
  /** Of one device at most. */
  readonly participations: number;
  /** What the noise promises over all participations, at δ = 1e-5. */
  readonly epsilon: number;
};

export type Trial = {
  /** Undefined: all are honest, whatever the share. */
  readonly attack: AttackName | undefined;
  /** Share of all devices that are poisoners. */
  readonly share: number;
  readonly merge: MergeRule;
  readonly isNoisy: boolean;
  readonly seed: number;
};

export type TrialResult = {
  readonly auc: number;
  readonly attackSuccess: number;
  /** Share of rounds that gave anything. */
  readonly committed: number;
  /** Mean share of cohorts with a poisoner in them. */
  readonly poisonedCohorts: number;
};

export async function trainUnderAttack(ground: Ground, trial: Trial): Promise<TrialResult> {
  const { devices, cohort, cohorts, rounds } = ground;
  const { attack, share, merge, isNoisy, seed } = trial;
  const random = seededRandom(`poisoning ${seed}`);
  const everybody = random.fork('coalition').shuffle([...devices.keys()]);
  const coalition = everybody.slice(0, Math.round((attack ? share : 0) * devices.length));
  const members = new Set(coalition);
  const pool = new Pool(devices.length, random.fork('cohorts'));
  let [parameters, committed, poisoned] = [startOf(ground), 0, 0];
  const running = runFast({
    ...{ algorithm: fedAvg, config: configOf(ground), devices, cohort, trainer: linearTrainer },
    ...{ seed: `poisoning ${seed}`, merge },
    cohorts() {
      const drawn = pool.draw(cohort * cohorts, ground.participations);
      return Array.from({ length: cohorts }, (_, i) => drawn.slice(i * cohort, (i + 1) * cohort));
    },
    ...(attack && { adversary: createPoisoners({ attack, devices, coalition, trigger: ground.trigger }) }),
    ...(isNoisy && { noise: { multiplier: multiplierOf(ground), honestSurvivors: honestIn(cohort) } }),
  });
  let played = 0;
  for await (const round of running) {
    parameters = round.state.parameters;
    if (round.aggregate !== undefined) committed++;
    poisoned += round.cohorts.filter(({ survivors }) => survivors.some((device) => members.has(device))).length;
    // Rounds that are abandoned are rounds all the same: they have cost the devices a participation each.
    if (++played === rounds) break;
  }
  return {
    ...judge(parameters, ground),
    committed: committed / played,
    poisonedCohorts: poisoned / (played * cohorts),
  };
}

/** h of one cohort, with the usual assumptions. */
export function honestIn(cohort: number): number {
  return honestSurvivorsOf({ cohort, corrupt: 0.1, dropout: 0.3 });
}

export function multiplierOf({ epsilon, participations }: Pick<Ground, 'epsilon' | 'participations'>): NoiseMultiplier {
  const promise = { unit: 'device-enrolment', epsilon, delta: 1e-5, participations } as const;
  return noiseMultiplierFor({ mechanism: 'distributed', ...promise });
}

function startOf({ standardization, baseRate }: Ground): Float32Array<ArrayBuffer> {
  const width = standardization.mean.length;
  const start = new Float32Array(width + 1);
  start[width] = Math.log(baseRate / (1 - baseRate));
  return start;
}

/** As in the private scenario, where step sizes and clip norm come from. */
function configOf(ground: Ground) {
  return {
    spec: logisticSpec(ground.standardization.mean.length),
    server: { optimizer: 'sgd', learningRate: 0.5 },
    client: { epochs: 1, batchSize: 64, learningRate: 1 },
    ...{ clipNorm: 0.5, weighting: 'uniform', standardization: ground.standardization, rounds: ground.rounds },
    parameters: base64url(floatsToBytes(startOf(ground))),
  };
}

function judge(parameters: Float32Array, { test, standardization, trigger }: Ground) {
  const width = standardization.mean.length;
  const score = (rows: readonly Float32Array[]) => {
    const flat = new Float32Array(rows.length * width);
    rows.forEach((features, row) => {
      flat.set(features, row * width);
    });
    return predict(logisticSpec(width), parameters, standardize(flat, standardization));
  };
  const scores = score(test.map(({ features }) => features));
  const table = tableOfRows(
    scores,
    test.map(({ label }) => label),
  );
  return { auc: rocAuc(table), attackSuccess: attackSuccess(test, trigger, score) };
}
