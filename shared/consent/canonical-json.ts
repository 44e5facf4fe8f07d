/** One text for one value, so that signatures and hashes of JSON agree everywhere (a subset of RFC 8785). */

export type CanonicalValue =
  | string
  | number
  | boolean
  | null
  | readonly CanonicalValue[]
  | { readonly [name: string]: CanonicalValue | undefined };

/**
 * Names in the order of their UTF-16 code units, no white space; members that are undefined are left out.
 *
 * @throws RangeError for numbers that are not safe integers: their texts differ between languages
 */
export function canonicalJson(value: CanonicalValue): string {
  if (typeof value === 'number' && !Number.isSafeInteger(value))
    throw new RangeError('only safe integers are canonical');
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = Object.entries(value).flatMap(([name, member]) => (member === undefined ? [] : [{ name, member }]));
  members.sort((a, b) => (a.name < b.name ? -1 : 1));
  return `{${members.map(({ name, member }) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`;
}

/** Array.isArray does not narrow readonly arrays. */
function isList(value: object): value is readonly CanonicalValue[] {
  return Array.isArray(value);
}
