/** Looks for many secrets at once in everything that was said or kept. */

/** One secret as it might look: no shorter than eight bytes, so that nothing is ever found by chance. */
export type Needle = {
  readonly owner: string;
  readonly secret: string;
  /** How it is written down. */
  readonly form: string;
  readonly bytes: Uint8Array;
};

/** A place in which to look. */
export type Haystack = { readonly name: string; readonly bytes: Uint8Array };
export type Sighting = Pick<Needle, 'owner' | 'secret' | 'form'> & { readonly where: string };

export const shortestNeedle = 8;

/**
 * @returns every needle that is there, once for each place
 * @throws RangeError if a needle is too short to mean anything
 */
export function search(needles: readonly Needle[], haystacks: readonly Haystack[]): Sighting[] {
  const index = indexOf(needles);
  return haystacks.flatMap(({ name, bytes }) =>
    [...needlesIn(bytes, index)].map(({ owner, secret, form }) => ({ owner, secret, form, where: name })),
  );
}

/** Needles by a hash of their first eight bytes. */
type Index = ReadonlyMap<number, readonly Needle[]>;

function indexOf(needles: readonly Needle[]): Index {
  const index = new Map<number, Needle[]>();
  for (const needle of needles) {
    const { bytes, secret, form } = needle;
    if (bytes.length < shortestNeedle) throw new RangeError(`${secret} as ${form} is too short to be recognised`);
    const key = keyAt(viewOf(bytes), 0);
    const others = index.get(key);
    if (others === undefined) index.set(key, [needle]);
    else others.push(needle);
  }
  return index;
}

function needlesIn(bytes: Uint8Array, index: Index): ReadonlySet<Needle> {
  const found = new Set<Needle>();
  const view = viewOf(bytes);
  for (let at = 0; at + shortestNeedle <= bytes.length; at++) {
    const candidates = index.get(keyAt(view, at));
    if (candidates === undefined) continue;
    for (const needle of candidates) if (standsAt(bytes, at, needle.bytes)) found.add(needle);
  }
  return found;
}

function keyAt(view: DataView, at: number): number {
  return (view.getUint32(at) ^ Math.imul(view.getUint32(at + 4), 0x9e3779b1)) >>> 0;
}

function standsAt(bytes: Uint8Array, at: number, needle: Uint8Array): boolean {
  return at + needle.length <= bytes.length && needle.every((byte, i) => bytes[at + i] === byte);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
