/** Byte strings: the only currency between the protocol, the wire and the stores. */

export type Bytes = Uint8Array<ArrayBuffer>;

export function bytes(length: number): Bytes {
  return new Uint8Array(length);
}

export function concat(...parts: readonly Uint8Array[]): Bytes {
  const joined = bytes(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Compares without leaving early, so that time does not tell where two secrets differ. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

/** Order of byte strings as unsigned numbers, first byte first; a prefix sorts before its extension. */
export function compare(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

export function isZero(a: Uint8Array): boolean {
  return a.every((byte) => byte === 0);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export function utf8(text: string): Bytes {
  return encoder.encode(text);
}

/** @throws TypeError where the bytes are not well-formed UTF-8. */
export function fromUtf8(value: Uint8Array): string {
  return decoder.decode(value);
}

/** A domain-separation tag: ASCII text and a zero byte, so that no tag is a prefix of another's text. */
export function tag(text: string): Bytes {
  return concat(utf8(text), bytes(1));
}

const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function hex(value: Uint8Array): string {
  let text = '';
  for (const byte of value) text += hexOfByte[byte];
  return text;
}

/** @throws RangeError unless the text is an even number of hexadecimal digits. */
export function fromHex(text: string): Bytes {
  if (!/^([0-9a-f]{2})*$/i.test(text)) throw new RangeError('not a hexadecimal string of whole bytes');
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

const letters = utf8('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_');
const noLetter = 255;
const valueOfCode = bytes(256).fill(noLetter);
letters.forEach((code, value) => {
  valueOfCode[code] = value;
});

export function base64url(value: Uint8Array): string {
  const text = bytes(Math.ceil((value.length * 4) / 3));
  let at = 0;
  let held = 0;
  let bits = 0;
  for (let i = 0; i < value.length; i++) {
    held = ((held << 8) | value[i]!) & 0xffff;
    for (bits += 8; bits >= 6; bits -= 6) text[at++] = letters[(held >>> (bits - 6)) & 0x3f]!;
  }
  if (bits > 0) text[at] = letters[(held << (6 - bits)) & 0x3f]!;
  return fromUtf8(text);
}

/** @throws RangeError unless the text is the one canonical base64url form (no padding) of some bytes. */
export function fromBase64url(text: string): Bytes {
  const value = bytes(Math.floor((text.length * 3) / 4));
  let at = 0;
  let held = 0;
  let bits = 0;
  for (let i = 0; i < text.length; i++) {
    const letter = valueOfCode[text.charCodeAt(i)] ?? noLetter;
    if (letter === noLetter) throw new RangeError('not a base64url string');
    held = ((held << 6) | letter) & 0xfff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    value[at++] = held >>> bits;
  }
  // A letter too many, or bits that no encoder leaves.
  if (bits >= 6 || (held & ((1 << bits) - 1)) !== 0) throw new RangeError('not a canonical base64url string');
  return value;
}

export function u16(value: number): Bytes {
  const out = bytes(2);
  new DataView(out.buffer).setUint16(0, value);
  return out;
}

export function u32(value: number): Bytes {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** The same, into memory that is there already. */
export function writeU32(into: Uint8Array, offset: number, value: number): void {
  into[offset] = value >>> 24;
  into[offset + 1] = value >>> 16;
  into[offset + 2] = value >>> 8;
  into[offset + 3] = value;
}

export function u64(value: bigint): Bytes {
  const out = bytes(8);
  new DataView(out.buffer).setBigUint64(0, value);
  return out;
}

export function readU32(value: Uint8Array, offset: number): number {
  return new DataView(value.buffer, value.byteOffset, value.byteLength).getUint32(offset);
}

export function readU64(value: Uint8Array, offset: number): bigint {
  return new DataView(value.buffer, value.byteOffset, value.byteLength).getBigUint64(offset);
}
