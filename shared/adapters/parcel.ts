/**
 * Many small byte strings as one large one, for the way between threads: cloning costs over a microsecond an object,
 * and a batch of signatures has hundreds. The large one is moved, not cloned.
 */

import { type Bytes, bytes } from '../bytes.ts';

/** A value without its byte strings, and these joined in the order in which they stand in it. */
export type Parcel = {
  readonly shape: unknown;
  readonly content: Bytes;
  readonly lengths: Uint32Array<ArrayBuffer>;
};

/** Stands in a shape for a byte string; nothing that travels here holds an empty text. */
const placeholder = '';

/** @param value plain objects and arrays; what is neither, nor a byte string, stays in the shape as it is */
export function pack(value: unknown): Parcel {
  const parts: Uint8Array[] = [];
  const shape = mapLeaves(value, (leaf) => {
    if (!(leaf instanceof Uint8Array)) return leaf;
    parts.push(leaf);
    return placeholder;
  });
  const lengths = Uint32Array.from(parts, ({ length }) => length);
  const content = bytes(lengths.reduce((sum, length) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    content.set(part, offset);
    offset += part.length;
  }
  return { shape, content, lengths };
}

/** What was packed. Every byte string has its own memory, so that one kept does not keep them all. */
export function unpack({ shape, content, lengths }: Parcel): unknown {
  let index = 0;
  let offset = 0;
  return mapLeaves(shape, (leaf) => {
    if (leaf !== placeholder) return leaf;
    const start = offset;
    offset += lengths[index++]!;
    return content.slice(start, offset);
  });
}

function mapLeaves(value: unknown, ofLeaf: (leaf: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => mapLeaves(item, ofLeaf));
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return ofLeaf(value);
  const mapped: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(value)) mapped[name] = mapLeaves(part, ofLeaf);
  return mapped;
}
