/** Everything that only one device may know, in every way in which it might be written down. */

import type { ChoraleEvent } from '@chorale/shared/features';
import type { Customer } from '../datasets/dataset.ts';
import type { Given } from './device.ts';
import { encodingsOf, type Form, formsOfNumbers, formsOfText, formsOfWords } from './forms.ts';
import type { Needle } from './search.ts';
import { textOf } from './traffic.ts';

export type Secret = 'event' | 'feature' | 'contribution' | 'encoded vector';

export type Owner = {
  readonly person: Customer;
  /** The features of every snapshot that could be asked for. */
  readonly rows: readonly Float32Array[];
  readonly given: readonly Given[];
};

/** What is true of two people tells nothing of either, and is left out. */
export function needlesOf(owners: readonly Owner[]): Needle[] {
  const told = new Map<string, { readonly owner: string; readonly secret: Secret; readonly form: Form }>();
  const shared = new Set<string>();
  for (const owner of owners) {
    const { id } = owner.person;
    for (const [secret, form] of secretsOf(owner)) {
      const key = textOf(form.bytes);
      const known = told.get(key);
      if (known !== undefined && known.owner !== id) shared.add(key);
      else told.set(key, { owner: id, secret, form });
    }
  }
  for (const key of shared) told.delete(key);
  return [...told.values()].flatMap(({ owner, secret, form }) =>
    encodingsOf(form).map((encoded) => ({ owner, secret, ...encoded })),
  );
}

function secretsOf({ person: { id, events }, rows, given }: Owner): (readonly [Secret, Form])[] {
  const segments = given.flatMap(({ vectors }) => Object.values(vectors));
  const as = (secret: Secret, forms: readonly Form[]) => forms.map((form) => [secret, form] as const);
  return [
    ...as('event', formsOfText(id)),
    ...as('event', eventForms(events)),
    ...rows.flatMap((features) => as('feature', formsOfNumbers(features))),
    ...segments.flatMap((segment) => as('contribution', formsOfNumbers(segment))),
    ...given.flatMap(({ words }) => as('encoded vector', formsOfWords(words))),
  ];
}

function eventForms(events: readonly ChoraleEvent[]): Form[] {
  const leaves = events.flatMap(({ properties }) => leavesOf(properties));
  const texts = leaves.filter((leaf) => typeof leaf === 'string');
  const prices = leaves.filter((leaf) => typeof leaf === 'number' && !Number.isInteger(leaf));
  const instants = events.map(({ at }) => at);
  return [
    ...texts.flatMap(formsOfText),
    ...instants.flatMap((at) => formsOfText(new Date(at).toISOString())),
    // As money is kept: whole, in cents, in tenths of a cent.
    ...formsOfNumbers(prices as number[], [1, 100, 1000]),
    ...formsOfNumbers(instants, [0.001]),
  ];
}

function leavesOf(value: unknown): unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(leavesOf) : [value];
}
