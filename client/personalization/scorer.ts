/** Scores at once from what is on the device. Never throws and never waits: a page is being drawn. */

import { ChoraleError, type Instant, type TaskId } from '@chorale/shared';
import { explain, nearestCentroid, predict, standardize } from '@chorale/shared/models';
import type { EventLog } from '../behavior/event-log.ts';
import type { Sources } from '../behavior/sources.ts';
import type { DeviceModel } from './models.ts';

/** Why a score is what it is, in OpenFeature's words where it has them. */
export type ScoreReason =
  /** Computed now from this device's model and events. */
  | 'TARGETING_MATCH'
  /** The same, from a model that was not confirmed for long. */
  | 'STALE'
  /** No model yet, or nothing known about the person. */
  | 'DEFAULT'
  | 'CONSENT_MISSING'
  | 'ERROR';

export type Score = {
  /** Probability; of a model of segments, the number of the person's own, from 0; undefined where there is none to give. */
  readonly value: number | undefined;
  readonly modelVersion: number | undefined;
  readonly reason: ScoreReason;
};

export type Explanation = Score & {
  /** Log-odds where nothing is known about the person. Undefined where there is no score. */
  readonly bias: number | undefined;
  /** Log-odds that each feature adds, in the model's order: with `bias` they sum to those of `value`. Empty without a score. */
  readonly contributions: readonly { readonly feature: string; readonly logOdds: number }[];
};

export type ScorerOptions = {
  readonly log: EventLog;
  readonly sources: Sources;
  readonly hasConsent: () => boolean;
  readonly now: () => Instant;
  /** Age of the last confirmation from which a model counts as stale. */
  readonly staleAfterMs: number;
};

/** A score, and what it was computed from if there is one. */
type Scored = {
  readonly score: Score;
  readonly by?: { readonly model: DeviceModel; readonly inputs: Float32Array };
};

export class Scorer {
  readonly #options: ScorerOptions;
  readonly #models = new Map<TaskId, DeviceModel>();

  constructor(options: ScorerOptions) {
    this.#options = options;
  }

  /** @param name a task's id or name */
  modelOf(name: string): DeviceModel | undefined {
    return this.#models.get(name as TaskId) ?? [...this.#models.values()].findLast((model) => model.name === name);
  }

  learn(model: DeviceModel): void {
    this.#models.set(model.task, model);
  }

  clear(): void {
    this.#models.clear();
  }

  score(name: string): Score {
    return this.#scored(name).score;
  }

  /** @throws ChoraleError `invalid-input` for a model that is not a sum over features; otherwise no more than `score` */
  explain(name: string): Explanation {
    const { score, by } = this.#scored(name);
    if (by === undefined) return { ...score, bias: undefined, contributions: [] };
    const { spec, parameters, manifest } = by.model;
    const explained = explain(spec, parameters, by.inputs);
    if (explained === undefined)
      throw new ChoraleError('invalid-input', `a score of the family ${spec.family} is not a sum over features`);
    const names = this.#options.sources.get(manifest.examples.source)?.features ?? [];
    const contributions = Array.from(explained.contributions, (logOdds, i) => ({
      feature: names[i] ?? `feature ${i}`,
      logOdds,
    }));
    return { ...score, bias: explained.bias, contributions };
  }

  #scored(name: string): Scored {
    try {
      return this.#score(name);
    } catch {
      // A source of the app's own may throw, or features may not fit: a page must not break on it.
      return { score: { value: undefined, modelVersion: undefined, reason: 'ERROR' } };
    }
  }

  #score(name: string): Scored {
    if (!this.#options.hasConsent())
      return { score: { value: undefined, modelVersion: undefined, reason: 'CONSENT_MISSING' } };
    const model = this.modelOf(name);
    const modelVersion = model?.manifest.version;
    const inputs = model && this.#inputsOf(model);
    const value = model && inputs && scoreOf(model, inputs);
    if (model === undefined || inputs === undefined || value === undefined)
      return { score: { value: undefined, modelVersion, reason: 'DEFAULT' } };
    const isStale = this.#options.now() - model.confirmedAt > this.#options.staleAfterMs;
    return { score: { value, modelVersion, reason: isStale ? 'STALE' : 'TARGETING_MATCH' }, by: { model, inputs } };
  }

  /** What the model sees of this moment. */
  #inputsOf({ manifest, standardization }: DeviceModel): Float32Array | undefined {
    const { log, sources, now } = this.#options;
    const row = sources.get(manifest.examples.source)?.current?.(log.events(), manifest.examples, now());
    return row && (standardization === undefined ? row : standardize(row, standardization));
  }
}

function scoreOf({ spec, parameters }: DeviceModel, inputs: Float32Array): number | undefined {
  if (spec.family === 'centroids')
    return inputs.every(Number.isFinite) ? nearestCentroid(spec, parameters, inputs) : undefined;
  const value = predict(spec, parameters, inputs)[0];
  return value !== undefined && Number.isFinite(value) ? value : undefined;
}
