/** A coordinator in a process of its own, on an embedded store, as an operator would start it. */

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const readyLine = z.object({
  url: z.url(),
  publishableKey: z.string(),
  adminKey: z.string().optional(),
  rootKey: z.string(),
});

export interface CoordinatorProcess {
  readonly url: string;
  readonly publishableKey: string;
  /** Shown only by the first start on a store. */
  readonly adminKey: string | undefined;
  readonly rootKey: string;
  /** What it has logged so far. */
  log(): string;
  /** Resolves with the exit code, or the signal's name, once it has ended. */
  readonly ended: Promise<number | NodeJS.Signals>;
  kill(signal: NodeJS.Signals): void;
  stop(): Promise<void>;
}

export type CoordinatorProcessOptions = {
  readonly storeDir: string;
  readonly port?: number;
  readonly logLevel?: 'debug' | 'info' | 'warn';
  /** Further flags, as an operator would type them. */
  readonly flags?: readonly string[];
};

/** @throws Error with the process's own last words if it ends before it is ready */
export async function startCoordinatorProcess(options: CoordinatorProcessOptions): Promise<CoordinatorProcess> {
  const child = launch(options);
  let log = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.on('exit', (code, signal) => resolve(code ?? signal ?? 1));
  });
  // A parent that dies for any reason takes the coordinator with it.
  const onExit = () => child.kill('SIGKILL');
  process.once('exit', onExit);
  ended.then(() => process.removeListener('exit', onExit));

  const ready = await Promise.race([firstLine(child), ended]);
  if (typeof ready !== 'object') throw new Error(`the coordinator ended with ${ready} before it was ready:\n${log}`);
  return {
    url: ready.url,
    publishableKey: ready.publishableKey,
    adminKey: ready.adminKey,
    rootKey: ready.rootKey,
    log: () => log,
    ended,
    kill: (signal) => {
      child.kill(signal);
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function launch({ storeDir, port = 0, logLevel = 'info', flags = [] }: CoordinatorProcessOptions): ChildProcess {
  const cli = fileURLToPath(new URL('../../coordinator/cli.ts', import.meta.url));
  const command = ['start', '--store', storeDir, '--port', String(port), '--log-level', logLevel, '--json', ...flags];
  return spawn(process.execPath, ['--conditions=development', '--import', 'tsx', cli, ...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function firstLine(child: ChildProcess): Promise<z.infer<typeof readyLine>> {
  for await (const line of createInterface({ input: child.stdout! })) {
    // Nobody reads further lines, and a full pipe would block the coordinator.
    child.stdout!.resume();
    return readyLine.parse(JSON.parse(line));
  }
  return new Promise(() => {});
}
