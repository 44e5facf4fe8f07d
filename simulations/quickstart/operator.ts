/** What an operator does, over the coordinator's REST interface. */

import { ChoraleError } from '@chorale/shared';
import {
  apiPath,
  fromProblem,
  type ModelManifest,
  modelManifest,
  type NewTask,
  pageOf,
  parseInput,
  problem,
  type RoundView,
  roundView,
  type TaskView,
  type TranscriptView,
  taskView,
  transcriptView,
} from '@chorale/shared/wire';

export interface Operator {
  createTask(task: NewTask): Promise<TaskView>;
  task(id: string): Promise<TaskView>;
  /** The algorithm's own state, as its schema wrote it: for the operator alone. */
  state(task: string): Promise<unknown>;
  rounds(task: string): Promise<readonly RoundView[]>;
  transcript(round: string): Promise<TranscriptView>;
  latestModel(task: string): Promise<ModelManifest>;
  parameters(model: ModelManifest): Promise<Float32Array>;
}

/** @throws ChoraleError with the coordinator's own code when it refuses */
export function createOperator({ url, adminKey }: { url: string; adminKey: string }): Operator {
  const ask = async (path: string, body?: unknown): Promise<Response> => {
    const response = await fetch(`${url}${apiPath}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        authorization: `Bearer ${adminKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
    if (!response.ok) throw fromProblem(parseInput(problem, await response.json(), `${path} refused`));
    return response;
  };
  const json = async (path: string, body?: unknown): Promise<unknown> => (await ask(path, body)).json();

  return {
    createTask: async (task) => parseInput(taskView, await json('/tasks', task), 'task'),
    task: async (id) => parseInput(taskView, await json(`/tasks/${id}`), 'task'),
    state: (task) => json(`/tasks/${task}/state`),
    rounds: async (task) => allPages((query) => json(`/tasks/${task}/rounds${query}`)),
    transcript: async (round) => parseInput(transcriptView, await json(`/rounds/${round}/transcript`), 'transcript'),
    latestModel: async (task) => parseInput(modelManifest, await json(`/tasks/${task}/models/latest`), 'model'),
    parameters: async (model) => {
      const buffer = await (await ask(`/parameters/${model.parametersSha256}`)).arrayBuffer();
      if (buffer.byteLength !== 4 * model.parameterCount)
        throw new ChoraleError('invalid-input', 'parameters: not as long as the manifest says');
      return new Float32Array(buffer);
    },
  };
}

async function allPages(page: (query: string) => Promise<unknown>): Promise<readonly RoundView[]> {
  const schema = pageOf(roundView);
  const items: RoundView[] = [];
  let query = '?limit=100';
  for (;;) {
    const { items: more, next } = parseInput(schema, await page(query), 'rounds');
    items.push(...more);
    if (next === undefined) return items;
    query = `?limit=100&cursor=${encodeURIComponent(next)}`;
  }
}
