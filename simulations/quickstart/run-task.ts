/** One task from creation to its last round, as an operator would watch it. */

import type { NewTask, RoundView, TaskView } from '@chorale/shared/wire';
import type { Progress } from '../report/progress.ts';
import type { Hosts } from './hosts.ts';
import type { Operator } from './operator.ts';

export type Assignment = { name: string; newTask: NewTask; rounds: number; silentRound: number | undefined };
export type Surroundings = {
  operator: Operator;
  hosts: Hosts;
  progress: Progress;
  log: () => string;
  failures: string[];
};
export type Finished = { readonly task: TaskView; readonly rounds: readonly RoundView[] };

/** Longer than any round lasts, silent devices and deadlines included. */
const patienceMs = 120_000;

/** @throws Error with what is known if no round commits for a long time */
export async function runTask(
  { name, newTask, rounds: total, silentRound }: Assignment,
  around: Surroundings,
): Promise<Finished> {
  const { operator, hosts, progress, log, failures } = around;
  const { id } = await operator.createTask(newTask);
  if (silentRound !== undefined) await hosts.leave(id, silentRound);
  progress.begin(name, total);
  const joining = hosts.refresh();
  // An early end of this task must not turn into a second, unrelated error.
  joining.catch(() => {});
  let [committed, lastChange] = [0, performance.now()];
  for (;;) {
    const task = await operator.task(id);
    if (task.roundsCommitted > committed) lastChange = performance.now();
    committed = task.roundsCommitted;
    progress.advance(committed, task.roundsAbandoned > 0 ? `${task.roundsAbandoned} abandoned` : '');
    if (task.state === 'done') break;
    if (task.state !== 'running' || performance.now() - lastChange > patienceMs)
      throw new Error(
        `The task “${name}” is ${task.state} after ${committed} of ${total} rounds.\n` +
          `Devices said: ${[...new Set(failures)].slice(0, 5).join(' | ') || 'nothing'}\n` +
          `The coordinator's last words:\n${log().split('\n').slice(-20).join('\n')}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  await joining;
  const rounds = await operator.rounds(id);
  for (const { number, state, reason } of rounds)
    if (state === 'abandoned') progress.say(`  ${name}: round ${number} was abandoned (${reason}) and tried again`);
  return { task: await operator.task(id), rounds };
}

export function committedOf(rounds: readonly RoundView[]): RoundView[] {
  return rounds.filter(({ state }) => state === 'committed');
}
