/** The port through which an algorithm borrows the device's ability to take SGD steps. */

import type { Random } from '../ports.ts';
import type { TrainableSpec } from './spec.ts';

/** Rows of one device, row-major. */
export type Batchable = {
  /** rowCount × spec.inputs numbers, already standardised. */
  readonly features: Float32Array;
  /** rowCount labels: 0/1 for a sigmoid output, class indices for softmax. */
  readonly labels: Float32Array;
  readonly rowCount: number;
};

export type TrainingOptions = {
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  /** FedProx: strength of the pull towards the starting parameters (Li et al., MLSys 2020); 0 without. */
  readonly proximal?: number;
  /** Orders the batches: the same random gives the same parameters on every trainer. */
  readonly random: Random;
  readonly signal?: AbortSignal;
};

export interface Trainer {
  /** What runs underneath, e.g. `tfjs-wasm`; shown to people, never compared. */
  readonly backend: string;
  /**
   * Takes SGD steps on the mean loss of each batch.
   *
   * @returns the new flat parameters, the caller's own to change; the input stays as it was
   */
  train(
    spec: TrainableSpec,
    parameters: Float32Array,
    rows: Batchable,
    options: TrainingOptions,
  ): Promise<Float32Array<ArrayBuffer>>;
  /**
   * How far the same steps lead, for trainers that can tell sooner than by `train` and a subtraction: the same numbers.
   *
   * @param factorAt what the update is to be multiplied by, given its sum of squares; 0 makes all of it 0
   */
  update?(
    spec: TrainableSpec,
    parameters: Float32Array,
    rows: Batchable,
    options: TrainingOptions & { readonly factorAt: (squaredLength: number) => number },
  ): Promise<Update>;
}

export type Update = {
  /** Multiplied already; the caller's own to change. */
  readonly update: Float32Array<ArrayBuffer>;
  /** Before it was multiplied. */
  readonly squaredLength: number;
};
