/** Coordinators that die where they are told to, each started by a spare process that has loaded its code already. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Facts, KillPoint, Order, Word } from '../kill-points.ts';

export interface KillableCoordinator {
  readonly facts: Facts;
  /** Resolves when the next round from now on has committed. */
  nextCommit(): Promise<void>;
  /** Resolves once it is dead. @returns the signal, or the exit code of a process that ended otherwise */
  dieAt(point: KillPoint): Promise<NodeJS.Signals | number>;
}

export interface Spares {
  start(options: { readonly store: string; readonly port: number }): Promise<KillableCoordinator>;
  /** Kills whatever still runs. */
  end(): Promise<void>;
}

/** A process that is ready to become a coordinator. */
type Spare = { readonly child: ChildProcess; readonly log: () => string };

export function keepSpares(): Spares {
  const alive = new Set<Spare>();
  const make = (): Spare => {
    const spare = launch();
    alive.add(spare);
    spare.child.once('exit', () => alive.delete(spare));
    return spare;
  };
  let next = make();
  return {
    async start(options) {
      const spare = next;
      order(spare, { do: 'start', ...options });
      const { facts } = await heard(spare, 'ready');
      // Only now: two processes that load at once would be in each other's way.
      next = make();
      return {
        facts,
        nextCommit: async () => void (await heard(spare, 'committed')),
        async dieAt(point) {
          const died = once(spare.child, 'exit');
          order(spare, { do: 'die', at: point });
          const [code, signal] = await died;
          return signal ?? code;
        },
      };
    },
    async end() {
      for (const { child } of alive) child.kill('SIGKILL');
      await Promise.all([...alive].map(({ child }) => once(child, 'exit')));
    },
  };
}

function launch(): Spare {
  const worker = fileURLToPath(new URL('../killable-coordinator-worker.ts', import.meta.url));
  const child = fork(worker, {
    execArgv: ['--conditions=development', '--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let log = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  return { child, log: () => log };
}

function order({ child }: Spare, what: Order): void {
  child.send(what);
}

/** @throws Error with the process's own last words if it ends instead */
function heard<Is extends Word['is']>({ child, log }: Spare, is: Is): Promise<Extract<Word, { is: Is }>> {
  return new Promise((resolve, reject) => {
    const onMessage = (word: Word) => {
      if (word.is !== is) return;
      child.off('message', onMessage).off('exit', onExit);
      resolve(word as Extract<Word, { is: Is }>);
    };
    const onExit = () => reject(new Error(`a coordinator ended before it was ${is}:\n${log().slice(-2000)}`));
    if (child.exitCode === null && child.signalCode === null) child.on('message', onMessage).once('exit', onExit);
    else onExit();
  });
}
