/** What a slice says about each of its REST routes; `server.ts` does the rest. Slices never see express. */

import { type Bytes, ChoraleError, type Id, type IdKind, isId } from '@chorale/shared';

/** `device` opens to any valid key, `admin` to secret keys only. */
export type Audience = 'anyone' | 'device' | 'admin';

export type Call = {
  /** From the path; present for every `:name` in it. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: unknown;
  /** Parsed JSON; undefined without a body. */
  readonly body: unknown;
  readonly header: (name: string) => string | undefined;
};

export type Answer =
  | { readonly as: 'json'; readonly status?: number; readonly json: unknown }
  | { readonly as: 'nothing' }
  | { readonly as: 'text'; readonly type: 'html' | 'css' | 'js'; readonly text: string }
  /** Bytes that will never change under their name. */
  | { readonly as: 'bytes'; readonly bytes: Bytes; readonly sha256: string };

export type Route = {
  readonly method: 'get' | 'post';
  /** With `:name` for parameters. */
  readonly path: string;
  readonly audience: Audience;
  answer(call: Call): Answer | Promise<Answer>;
};

export function json(value: unknown, status = 200): Answer {
  return { as: 'json', status, json: value };
}

/** An id in a path. @throws ChoraleError `not-found` where it is not even an id: nothing can be there */
export function idParam<Kind extends IdKind>(call: Call, kind: Kind): Id<Kind> {
  const text = call.params.id ?? '';
  if (isId(kind, text)) return text;
  throw new ChoraleError('not-found', `there is no such ${kind}`);
}
