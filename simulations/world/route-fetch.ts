/** `fetch` without a network: the coordinator's own routes, behind its own gate, in the process that asks. */

import { type Answer, type Coordinator, checkKey, type Route } from '@chorale/coordinator';
import { ChoraleError, type Clock } from '@chorale/shared';
import { toProblem } from '@chorale/shared/wire';
import type { HttpRequest } from './seen.ts';
import type { HttpFate } from './weather.ts';

/** @param coordinator asked anew for each request: there may be another one after a restart */
export function routeFetch(coordinator: () => Coordinator): typeof fetch {
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const method = init?.method ?? 'GET';
    const headers = new Headers(init?.headers);
    const { routes, ports } = coordinator();
    try {
      const { route, params } = find(routes, method, url.pathname);
      await checkKey(ports.store, route.audience, headers.get('authorization') ?? undefined);
      const call = {
        params,
        query: Object.fromEntries(url.searchParams),
        body: typeof init?.body === 'string' ? (JSON.parse(init.body) as unknown) : undefined,
        header: (name: string) => headers.get(name) ?? undefined,
      };
      return responseOf(await route.answer(call));
    } catch (error) {
      if (!(error instanceof ChoraleError)) ports.events.defectFound(`${method} ${url.pathname}`, error);
      return refusalOf(error instanceof ChoraleError ? error : new ChoraleError('internal', 'something went wrong'));
    }
  };
}

export type WeatheredFetch = {
  readonly clock: Clock;
  /** Does work at the coordinator. @throws Error where it cannot be reached, or dies meanwhile */
  readonly serve: <Result>(work: (coordinator: Coordinator) => Promise<Result>) => Promise<Result>;
  readonly fateOf: () => HttpFate;
  readonly onAsked?: (request: HttpRequest) => void;
  readonly onAnswered?: (request: HttpRequest, status: number) => void;
};

/** The same over a network: requests and answers take time and get lost, and the coordinator may be away. */
export function weatheredFetch({ clock, serve, fateOf, onAsked, onAnswered }: WeatheredFetch): typeof fetch {
  const travel = async ({ delayMs, breaks }: HttpFate, end: HttpFate['breaks']): Promise<void> => {
    if (delayMs > 0) await new Promise<void>((resolve) => void clock.wakeAt(clock.now() + delayMs, resolve));
    if (breaks === end) throw new Error('the connection broke');
  };
  return async (input, init) => {
    const fate = fateOf();
    await travel(fate, 'before');
    const request = requestOf(input, init);
    const response = await serve((coordinator) => {
      onAsked?.(request);
      return routeFetch(() => coordinator)(input, init);
    });
    onAnswered?.(request, response.status);
    await travel(fate, 'after');
    return response;
  };
}

function requestOf(input: Parameters<typeof fetch>[0], init?: RequestInit): HttpRequest {
  const { pathname: path } = new URL(input instanceof Request ? input.url : input);
  const body = typeof init?.body === 'string' ? (JSON.parse(init.body) as unknown) : undefined;
  return { method: init?.method ?? 'GET', path, body };
}

type Found = { readonly route: Route; readonly params: Readonly<Record<string, string>> };

/** The first route that fits, as express would choose. @throws ChoraleError `not-found` */
function find(routes: readonly Route[], method: string, path: string): Found {
  for (const route of routes) {
    const params = route.method === method.toLowerCase() ? match(route.path, path) : undefined;
    if (params !== undefined) return { route, params };
  }
  throw new ChoraleError('not-found', 'there is nothing at this path');
}

/** @returns what stands in the place of each `:name`; undefined where the path is another */
function match(pattern: string, path: string): Record<string, string> | undefined {
  const [names, parts] = [pattern.split('/'), path.split('/')];
  const isSame = (name: string, part: string) => (name.startsWith(':') ? part !== '' : name === part);
  if (names.length !== parts.length || !names.every((name, i) => isSame(name, parts[i]!))) return undefined;
  const variables = names.flatMap((name, i) => (name.startsWith(':') ? [[name.slice(1), parts[i]!] as const] : []));
  return Object.fromEntries(variables.map(([name, part]) => [name, decodeURIComponent(part)]));
}

function responseOf(answer: Answer): Response {
  switch (answer.as) {
    case 'json':
      return Response.json(answer.json, { status: answer.status ?? 200 });
    case 'nothing':
      return new Response(null, { status: 204 });
    case 'text':
      return new Response(answer.text);
    case 'bytes':
      return new Response(answer.bytes);
  }
}

function refusalOf(error: ChoraleError): Response {
  const problem = toProblem(error);
  return Response.json(problem, { status: problem.status });
}
