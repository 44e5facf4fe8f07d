import { ChoraleError } from '@chorale/shared';
import { type PageQuery, pageQuery } from '../store/pages.ts';
import type { Call } from './route.ts';

/** @throws ChoraleError `invalid-input` */
export function parsePageQuery({ query }: Call): PageQuery {
  const parsed = pageQuery.safeParse(query);
  if (parsed.success) return parsed.data;
  throw new ChoraleError('invalid-input', 'query: limit is 1 to 200, cursor what the page before gave as next');
}
