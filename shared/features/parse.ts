/** The one way for an event to come in from outside. */

import { ChoraleError } from '../errors.ts';
import { type ChoraleEvent, choraleEvent } from './events.ts';
import { canonicalEvent } from './ga4.ts';

/**
 * Checks an event and gives it its standard name and property names.
 *
 * @throws ChoraleError `invalid-input`, naming the fields at fault but never their values
 */
export function parseEvent(input: unknown): ChoraleEvent {
  const parsed = choraleEvent.safeParse(input);
  if (parsed.success) return canonicalEvent(parsed.data);
  const fields = new Set(parsed.error.issues.map((issue) => String(issue.path[0] ?? 'event')));
  throw new ChoraleError('invalid-input', `this event is out of bounds in: ${[...fields].join(', ')}`);
}
