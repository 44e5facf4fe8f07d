import type { Log } from '../events.ts';

/** Keeps every line that would be logged, at any level. */
export function capturingLog(): Log & { readonly lines: string[] } {
  const lines: string[] = [];
  const keep = (fields: object, message: string) => void lines.push(JSON.stringify({ ...fields, message }));
  return { lines, info: keep, warn: keep, error: keep, debug: keep };
}
