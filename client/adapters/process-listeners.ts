/**
 * The loader of tfjs's wasm backend (Emscripten) makes a Node process rethrow every uncaught error from inside its own
 * bundle: the stack points there, and an app's unhandled rejections turn into crashes. Those listeners are taken off.
 */

const events = ['uncaughtException', 'unhandledRejection'] as const;
type Listener = (...args: unknown[]) => void;

/** What is needed of Node's `process`, whose own types overload each event. */
type Listening = {
  listeners(event: string): Listener[];
  off(event: string, listener: Listener): unknown;
};

/** Runs `load` and removes the rethrowing listeners that it left on the process; elsewhere than in Node just runs it. */
export async function withoutRethrowing<Result>(load: () => Promise<Result>): Promise<Result> {
  const process = (globalThis as { process?: Listening }).process;
  if (typeof process?.listeners !== 'function') return load();
  const before = new Set<Listener>(events.flatMap((event) => process.listeners(event)));
  try {
    return await load();
  } finally {
    // An app may have added a listener meanwhile: only what does nothing but throw goes.
    for (const event of events)
      for (const listener of process.listeners(event))
        if (!before.has(listener) && isRethrowing(listener)) process.off(event, listener);
  }
}

function isRethrowing(listener: Listener): boolean {
  const source = String(listener);
  return source.length < 120 && /\bthrow (ex|reason)\b/.test(source);
}
