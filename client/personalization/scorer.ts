/** Scores at once from what is on the device. Never throws and never waits: a page is being drawn. */

import type { Instant, TaskId } from '@chorale/shared';
import { nearestCentroid, predict, standardize } from '@chorale/shared/models';
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

export type ScorerOptions = {
  readonly log: EventLog;
  readonly sources: Sources;
  readonly hasConsent: () => boolean;
  readonly now: () => Instant;
  /** Age of the last confirmation from which a model counts as stale. */
  readonly staleAfterMs: number;
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
    try {
      return this.#score(name);
    } catch {
      // A source of the app's own may throw, or features may not fit: a page must not break on it.
      return { value: undefined, modelVersion: undefined, reason: 'ERROR' };
    }
  }

  #score(name: string): Score {
    if (!this.#options.hasConsent()) return { value: undefined, modelVersion: undefined, reason: 'CONSENT_MISSING' };
    const model = this.modelOf(name);
    const modelVersion = model?.manifest.version;
    const value = model && this.#valueOf(model);
    if (model === undefined || value === undefined) return { value: undefined, modelVersion, reason: 'DEFAULT' };
    const isStale = this.#options.now() - model.confirmedAt > this.#options.staleAfterMs;
    return { value, modelVersion, reason: isStale ? 'STALE' : 'TARGETING_MATCH' };
  }

  #valueOf({ manifest, spec, standardization, parameters }: DeviceModel): number | undefined {
    const { log, sources, now } = this.#options;
    const row = sources.get(manifest.examples.source)?.current?.(log.events(), manifest.examples, now());
    if (row === undefined) return undefined;
    const inputs = standardization === undefined ? row : standardize(row, standardization);
    if (spec.family === 'centroids')
      return inputs.every(Number.isFinite) ? nearestCentroid(spec, parameters, inputs) : undefined;
    const value = predict(spec, parameters, inputs)[0];
    return value !== undefined && Number.isFinite(value) ? value : undefined;
  }
}
