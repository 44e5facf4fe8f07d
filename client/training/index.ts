/** Door `@chorale/client/training`: the trainers, each loaded on first use. */

export { createKernelTrainer, type KernelOptions } from './kernel-trainer.ts';
export { type TfjsBackend, type TfjsChoice, type TfjsOptions, tfjsBackends } from './tfjs-backend.ts';
export { createTfjsScorer } from './tfjs-scorer.ts';
export { createTfjsTrainer } from './tfjs-trainer.ts';
