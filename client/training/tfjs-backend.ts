/**
 * Which engine carries tfjs here: the native library where its installer worked, else WebAssembly, else plain JavaScript.
 * Everything is imported on first use; nobody pays for training before they train.
 */

import { ChoraleError } from '@chorale/shared';
import { withoutRethrowing } from '../adapters/process-listeners.ts';
import { transposeFirst } from './tfjs-products.ts';

export type Tfjs = typeof import('@tensorflow/tfjs');

export const tfjsBackends = ['node', 'wasm', 'cpu'] as const;
export type TfjsBackend = (typeof tfjsBackends)[number];

export type TfjsOptions = {
  /** Only this one; without it, the first of node, wasm and cpu that works. */
  readonly backend?: TfjsBackend;
  /** Told once which backend was chosen, and why each better one was not. */
  readonly announce?: (choice: TfjsChoice) => void;
  /** Folder of the `.wasm` files as a URL or path ending in `/`: bundlers move them away from their package. */
  readonly wasmPath?: string;
  /** Whether the wasm backend transposes matrices before it multiplies them, for the same numbers sooner; true unless said. */
  readonly isTransposingFirst?: boolean;
};

export type TfjsChoice = {
  readonly backend: TfjsBackend;
  readonly passedOver: readonly { readonly backend: TfjsBackend; readonly reason: string }[];
};

/**
 * tfjs keeps one engine and one backend per thread: the last choice counts for all.
 *
 * @throws ChoraleError `not-found` if the backend asked for does not work here; `internal` if none does
 */
export async function loadTfjs(
  options: TfjsOptions = {},
): Promise<{ readonly tf: Tfjs; readonly backend: TfjsBackend }> {
  const passedOver: { backend: TfjsBackend; reason: string }[] = [];
  for (const backend of options.backend ? [options.backend] : tfjsBackends) {
    try {
      const tf = await start[backend](options);
      probe(tf);
      options.announce?.({ backend, passedOver });
      return { tf, backend };
    } catch (error) {
      // A native library can fail in any way its loader likes: whatever was thrown, the next backend is tried.
      passedOver.push({ backend, reason: reasonOf(error) });
    }
  }
  const [last] = passedOver.slice(-1);
  if (options.backend === undefined) throw new ChoraleError('internal', `no tfjs backend works: ${last?.reason}`);
  throw new ChoraleError('not-found', `the tfjs backend ${options.backend} does not work here: ${last?.reason}`);
}

const start: Readonly<Record<TfjsBackend, (options: TfjsOptions) => Promise<Tfjs>>> = {
  async node() {
    // Not a literal: bundlers must not follow it, and types must not need it.
    const optionalPackage = '@tensorflow/tfjs-node';
    const imported = (await import(/* @vite-ignore */ optionalPackage)) as Tfjs & { default?: Tfjs };
    return select(imported.default ?? imported, 'tensorflow');
  },
  async wasm({ wasmPath, isTransposingFirst = true }) {
    const tf = await import('@tensorflow/tfjs');
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    if (wasmPath !== undefined) setWasmPaths(wasmPath);
    const selected = await withoutRethrowing(() => select(tf, 'wasm'));
    transposeFirst(selected, isTransposingFirst);
    return selected;
  },
  async cpu() {
    return select(await import('@tensorflow/tfjs'), 'cpu');
  },
};

async function select(tf: Tfjs, name: string): Promise<Tfjs> {
  // Silences tfjs's advertisement on the console; its slow checks for NaN go too.
  tf.enableProdMode();
  if (!(await tf.setBackend(name))) throw new Error(`tfjs cannot start its ${name} backend`);
  await tf.ready();
  return tf;
}

/** One real operation: some versions load and then fail at the first use. */
function probe(tf: Tfjs): void {
  const sum = tf.tidy(
    () =>
      tf
        .tensor1d([1, 2])
        .dot(tf.tensor1d([3, 4]))
        .dataSync()[0],
  );
  if (sum !== 11) throw new Error(`a probe computed ${sum} instead of 11`);
}

function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n')[0]!.slice(0, 200);
}
