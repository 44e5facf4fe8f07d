/** Reads what a wire-tap has kept: HTTP as it was sent, websockets (RFC 6455) without their frames and masks. */

import { concat } from '@chorale/shared';

/** One side of a connection. */
export type Speech = {
  /** HTTP, or the handshake of a websocket. */
  readonly http: Uint8Array;
  /** The websocket's messages, one after the other; empty where there was none. */
  readonly messages: readonly Uint8Array[];
};

/** @param stream everything that one side has sent */
export function readSpeech(stream: Uint8Array): Speech {
  const end = endOfHead(stream);
  const isUpgrade = /^upgrade: *websocket\r$/im.test(textOf(stream.subarray(0, end)));
  if (!isUpgrade) return { http: stream, messages: [] };
  return { http: stream.subarray(0, end), messages: messagesIn(stream, end) };
}

/** Everything that one side said, where a secret would be whole even if it was sent in pieces. */
export function wordsOf({ http, messages }: Speech): Uint8Array {
  return concat(http, ...messages);
}

export type Request = { readonly head: string; readonly body: string };

/** The requests on one connection; none of them may be chunked. */
export function requestsIn(http: Uint8Array): Request[] {
  const requests: Request[] = [];
  for (let at = 0; at < http.length; ) {
    const bodyStart = at + endOfHead(http.subarray(at));
    const head = textOf(http.subarray(at, bodyStart));
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
    at = bodyStart + length;
    requests.push({ head, body: textOf(http.subarray(bodyStart, at)) });
  }
  return requests;
}

function endOfHead(stream: Uint8Array): number {
  const end = textOf(stream).indexOf('\r\n\r\n');
  return end < 0 ? stream.length : end + 4;
}

/** Frames continue each other's messages; control frames are small and may stand between. */
function messagesIn(stream: Uint8Array, start: number): Uint8Array[] {
  const messages: Uint8Array[] = [];
  let open: Uint8Array[] = [];
  for (let at = start; at + 2 <= stream.length; ) {
    const frame = frameAt(stream, at);
    if (frame.isCompressed) throw new Error('a compressed frame cannot be searched');
    if (frame.opcode >= 8) messages.push(frame.payload);
    else open.push(frame.payload);
    if (frame.isLast && frame.opcode < 8) {
      messages.push(concat(...open));
      open = [];
    }
    at = frame.end;
  }
  return open.length === 0 ? messages : [...messages, concat(...open)];
}

/** RFC 6455, section 5.2. A frame that was cut off is read as far as it goes. */
function frameAt(stream: Uint8Array, at: number) {
  const view = new DataView(stream.buffer, stream.byteOffset + at, stream.byteLength - at);
  const [first, second] = [view.getUint8(0), view.getUint8(1)];
  const short = second & 0x7f;
  const [length, lengthEnd] =
    short < 126 ? [short, 2] : short === 126 ? [view.getUint16(2), 4] : [Number(view.getBigUint64(2)), 10];
  const isMasked = (second & 0x80) !== 0;
  const payloadStart = at + lengthEnd + (isMasked ? 4 : 0);
  const end = payloadStart + length;
  const masked = stream.subarray(payloadStart, end);
  const key = stream.subarray(at + lengthEnd, payloadStart);
  const payload = isMasked ? masked.map((byte, i) => byte ^ key[i % 4]!) : masked;
  return { opcode: first & 0x0f, isLast: (first & 0x80) !== 0, isCompressed: (first & 0x70) !== 0, payload, end };
}

/** One character a byte. */
export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
