/** REST over fetch: times out, parses what comes, and turns problem details into coded errors. */

import { type Bytes, ChoraleError, concat } from '@chorale/shared';
import { fromProblem, parseInput, problem } from '@chorale/shared/wire';
import type * as z from 'zod/mini';

export type HttpOptions = {
  /** Origin of the coordinator. */
  readonly host: string;
  readonly clientKey: string;
  readonly fetch: typeof fetch;
  readonly timeoutMs: number;
};

const maxJsonBytes = 4 * 1024 * 1024;

/** All methods throw ChoraleError: the coordinator's own code, or `store-unavailable` when it cannot be reached. */
export interface Http {
  get<Schema extends z.ZodMiniType>(path: string, schema: Schema): Promise<z.infer<Schema>>;
  getBytes(path: string, maxBytes: number): Promise<Bytes>;
  post<Schema extends z.ZodMiniType>(path: string, body: unknown, schema: Schema): Promise<z.infer<Schema>>;
}

export function createHttp(options: HttpOptions): Http {
  return {
    async get(path, schema) {
      const response = await request(options, path, { method: 'GET' });
      return parseInput(schema, await jsonOf(response), path);
    },
    async getBytes(path, maxBytes) {
      return bodyOf(await request(options, path, { method: 'GET' }), maxBytes);
    },
    async post(path, body, schema) {
      const init = { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
      const response = await request(options, path, init);
      return parseInput(schema, response.status === 204 ? undefined : await jsonOf(response), path);
    },
  };
}

async function request(options: HttpOptions, path: string, init: RequestInit): Promise<Response> {
  const headers = { ...(init.headers as Record<string, string>), authorization: `Bearer ${options.clientKey}` };
  const response = await reach(options, path, { ...init, headers });
  if (response.ok) return response;
  throw await refusalOf(response);
}

async function reach({ host, fetch, timeoutMs }: HttpOptions, path: string, init: RequestInit): Promise<Response> {
  try {
    // Neither cookies nor a referrer: requests say nothing that the key and the body do not.
    const privacy = { credentials: 'omit', referrerPolicy: 'no-referrer', redirect: 'error' } as const;
    return await fetch(new URL(path, host), { ...init, ...privacy, signal: AbortSignal.timeout(timeoutMs) });
  } catch (cause) {
    throw new ChoraleError('store-unavailable', 'the coordinator cannot be reached; try again later', { cause });
  }
}

async function refusalOf(response: Response): Promise<ChoraleError> {
  try {
    return fromProblem(parseInput(problem, await jsonOf(response), 'problem'));
  } catch {
    return new ChoraleError('internal', `the coordinator answered ${response.status}`);
  }
}

async function jsonOf(response: Response): Promise<unknown> {
  const text = new TextDecoder().decode(await bodyOf(response, maxJsonBytes));
  try {
    return JSON.parse(text);
  } catch {
    throw new ChoraleError('invalid-input', 'the coordinator did not answer in JSON');
  }
}

/** Reads piece by piece, so that a body without end is refused before it fills the memory. */
async function bodyOf(response: Response, maxBytes: number): Promise<Bytes> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of piecesOf(response)) {
    length += piece.length;
    if (length > maxBytes) throw new ChoraleError('payload-too-large', `an answer of more than ${maxBytes} bytes`);
    pieces.push(piece);
  }
  return concat(...pieces);
}

async function* piecesOf(response: Response): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (cause) {
    throw new ChoraleError('store-unavailable', 'the connection broke; try again later', { cause });
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
