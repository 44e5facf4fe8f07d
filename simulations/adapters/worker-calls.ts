/** Questions to a worker thread and their answers, as promises. */

import type { MessagePort, Worker } from 'node:worker_threads';

type Call = { readonly call: number; readonly name: string; readonly input: unknown };
type Answer = { readonly call: number; readonly output: unknown } | { readonly call: number; readonly error: string };
type Notice = { readonly notice: unknown };

/** One function per kind of question. */
export type Handlers = Readonly<Record<string, (input: never) => unknown>>;

export type Asker<Handled extends Handlers> = {
  ask<Name extends keyof Handled & string>(
    name: Name,
    ...input: Parameters<Handled[Name]>
  ): Promise<Awaited<ReturnType<Handled[Name]>>>;
};

/** Answers every call with what the handler of its name returns; errors travel as their message. */
export function answerCalls(port: MessagePort, handlers: Handlers): void {
  port.on('message', async ({ call, name, input }: Call) => {
    try {
      const output = await handlers[name]?.(input as never);
      port.postMessage({ call, output } satisfies Answer);
    } catch (error) {
      port.postMessage({ call, error: error instanceof Error ? error.message : String(error) } satisfies Answer);
    }
  });
}

/** Says something that nobody asked for. */
export function notify(port: MessagePort, notice: unknown): void {
  port.postMessage({ notice } satisfies Notice);
}

/** @param onNotice what the worker says unasked */
export function askWorker<Handled extends Handlers>(
  worker: Worker,
  onNotice: (notice: unknown) => void,
): Asker<Handled> {
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let calls = 0;
  const failAll = (error: Error) => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  worker.on('error', failAll);
  worker.on('exit', (code) => failAll(new Error(`a worker thread ended with ${code}`)));
  worker.on('message', (message: Answer | Notice) => {
    if ('notice' in message) return onNotice(message.notice);
    const promise = waiting.get(message.call);
    waiting.delete(message.call);
    if ('error' in message) promise?.reject(new Error(message.error));
    else promise?.resolve(message.output);
  });
  return {
    ask(name, ...input) {
      const promise = withResolvers<unknown>();
      waiting.set(++calls, promise);
      worker.postMessage({ call: calls, name, input: input[0] } satisfies Call);
      return promise.promise as never;
    },
  };
}

type PromiseWithResolvers<Value> = {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: Error) => void;
};

/** `Promise.withResolvers` needs Node 22. */
function withResolvers<Value>(): PromiseWithResolvers<Value> {
  let resolve: (value: Value) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<Value>((yes, no) => {
    [resolve, reject] = [yes, no];
  });
  return { promise, resolve, reject };
}
