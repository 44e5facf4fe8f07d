/** What a coordinator has served once it must serve for ever, byte by byte. */

import { type DeviceId, hex, type TaskId } from '@chorale/shared';
import { apiPath, type ModelManifest, modelManifest, type RoundView, roundView } from '@chorale/shared/wire';
import { z } from 'zod';

type Access = { readonly url: string; readonly adminKey: string };

export class Served {
  readonly #access: Access;
  /** Answers by path, in hexadecimal. */
  readonly #answers = new Map<string, string>();

  constructor(access: Access) {
    this.#access = access;
  }

  get size(): number {
    return this.#answers.size;
  }

  /** Asks for everything about a task that can never change again, and notes the answers. */
  async note(task: TaskId, devices: readonly DeviceId[]): Promise<void> {
    const rounds = await this.#page(`/tasks/${task}/rounds`, roundView);
    const models = await this.#page(`/tasks/${task}/models`, modelManifest);
    const paths = [...rounds.flatMap(pathsOfRound), ...models.flatMap(pathsOfModel), ...devices.map(pathOfDevice)];
    await Promise.all(
      paths.map(async (path) => {
        if (!this.#answers.has(path)) this.#answers.set(path, await this.#answer(path));
      }),
    );
  }

  /** @returns paths whose answer is another one now */
  async changed(): Promise<string[]> {
    const asked = [...this.#answers].map(async ([path, before]) =>
      (await this.#answer(path)) === before ? [] : [path],
    );
    return (await Promise.all(asked)).flat();
  }

  async #page<Item extends z.core.$ZodType>(path: string, item: Item): Promise<z.infer<Item>[]> {
    const { items } = z.object({ items: z.array(item) }).parse(await (await this.#ask(`${path}?limit=200`)).json());
    return items;
  }

  async #answer(path: string): Promise<string> {
    const response = await this.#ask(path);
    return `${response.status} ${hex(new Uint8Array(await response.arrayBuffer()))}`;
  }

  #ask(path: string): Promise<Response> {
    const { url, adminKey } = this.#access;
    return fetch(`${url}${apiPath}${path}`, { headers: { authorization: `Bearer ${adminKey}` } });
  }
}

function pathsOfRound({ id, state }: RoundView): string[] {
  if (state === 'open') return [];
  return state === 'committed' ? [`/rounds/${id}`, `/rounds/${id}/transcript`] : [`/rounds/${id}`];
}

function pathsOfModel({ id, parametersSha256 }: ModelManifest): string[] {
  return [`/models/${id}`, `/parameters/${parametersSha256}`];
}

function pathOfDevice(device: DeviceId): string {
  return `/devices/${device}`;
}
