import { base64url, concat, fromUtf8, utf8, wordsToBytes } from '@chorale/shared';
import { seededRandom } from '@chorale/shared/testing';
import { describe, expect, it } from 'vitest';
import { encodingsOf, type Form, formsOfNumbers, formsOfText, formsOfWords } from './forms.ts';
import { distinctivePeople } from './people.ts';
import { search } from './search.ts';
import { needlesOf } from './secrets.ts';
import { readSpeech, wordsOf } from './traffic.ts';

const random = seededRandom('search');
const noise = (length: number) => random.bytes(length);
const owned = (forms: readonly Form[]) =>
  forms.flatMap(encodingsOf).map((form) => ({ owner: 'ada', secret: 'number', ...form }));
const formsFoundIn = (forms: readonly Form[], bytes: Uint8Array) =>
  search(owned(forms), [{ name: 'here', bytes }]).map(({ form }) => form);

describe('a search', () => {
  const numbers = [17.25, 43_219.817];

  it('finds a number however it was written down, and nothing where it was not', () => {
    const written = [
      ['JSON', utf8('{"a":43219.817}')],
      ['JSON pair', utf8('[17.25,43219.817]')],
      ['float64', new Uint8Array(Float64Array.of(0, 43_219.817).buffer)],
      ['float32 pair', new Uint8Array(Float32Array.of(1, ...numbers).buffer)],
      ['int32 pair × 100', new Uint8Array(Int32Array.of(1725, 4_321_982).buffer)],
    ] as const;
    for (const [form, bytes] of written) {
      expect(formsFoundIn(formsOfNumbers(numbers, [100]), concat(noise(999), bytes, noise(99)))).toContain(form);
    }
    expect(formsFoundIn(formsOfNumbers(numbers, [100]), noise(200_000))).toEqual([]);
  });

  it('finds whole instants as 64-bit integers, and texts', () => {
    const instants = new Uint8Array(BigInt64Array.of(1_294_012_345_678n).buffer);
    expect(formsFoundIn(formsOfNumbers([1_294_012_345_678]), concat(noise(3), instants))).toEqual(['int64']);
    expect(formsFoundIn(formsOfText('order-4711'), utf8('"order-4711"'))).toEqual(['text']);
  });

  it('finds words mod 2^32, in pairs and as one run, but not the zeros among them', () => {
    const words = Uint32Array.of(0, 0, 987_654_321, 4_294_900_000, 0, 0, 0, 123_456_789, 0);
    const found = formsFoundIn(formsOfWords(words), concat(noise(5), wordsToBytes(words)));
    expect(new Set(found)).toEqual(new Set(['word pair', 'words']));
    expect(formsFoundIn(formsOfWords(words), utf8('[0,987654321,-67296]'))).toEqual([
      'JSON word pair',
      'JSON word pair',
    ]);
    expect(formsFoundIn(formsOfWords(words), new Uint8Array(4096))).toEqual([]);
  });

  it('looks into both alphabets of base64, wherever the secret begins in it', () => {
    const secret = new Uint8Array(Float64Array.of(-43_219.817, 1e300 / 3).buffer);
    for (const before of [0, 1, 2, 3, 4]) {
      const url = base64url(concat(noise(before), secret, noise(7)));
      for (const text of [url, url.replaceAll('-', '+').replaceAll('_', '/')])
        expect(formsFoundIn([{ form: 'secret', bytes: secret }], utf8(`"${text}"`))).toEqual(['secret in base64']);
    }
  });

  it('leaves out what is true of two people', () => {
    const [ada, bob] = distinctivePeople(2, 'twins').map((person) => ({ person, rows: [], given: [] }));
    const twin = { person: { ...bob!.person, events: ada!.person.events }, rows: [], given: [] };
    expect(new Set(needlesOf([ada!, bob!]).map(({ owner }) => owner)).size).toBe(2);
    const told = needlesOf([ada!, twin]).filter(({ form }) => form === 'text');
    expect(told.map(({ bytes }) => fromUtf8(bytes))).toEqual([ada!.person.id, twin.person.id]);
  });
});

describe('a wire-tap', () => {
  const head = utf8('GET /socket HTTP/1.1\r\nUpgrade: websocket\r\n\r\n');
  /** A client frame of RFC 6455 in its shortest form for the length. */
  const frame = (opcode: number, payload: Uint8Array, isLast = true) => {
    const key = noise(4);
    const length = payload.length < 126 ? [payload.length] : [126, payload.length >> 8, payload.length & 255];
    const start = Uint8Array.of((isLast ? 0x80 : 0) | opcode, 0x80 | length[0]!, ...length.slice(1));
    return concat(
      start,
      key,
      payload.map((byte, i) => byte ^ key[i % 4]!),
    );
  };

  it('takes the masks off frames and puts messages in pieces together again', () => {
    const [text, long] = [utf8('the first of two parts, and the second'), noise(300)];
    const stream = concat(
      ...[head, frame(1, text.slice(0, 9), false), frame(9, utf8('ping')), frame(0, text.slice(9)), frame(2, long)],
    );
    const speech = readSpeech(stream);
    expect(speech).toEqual({ http: head, messages: [utf8('ping'), text, long] });
    expect(wordsOf(speech)).toEqual(concat(head, utf8('ping'), text, long));
  });

  it('reads plain HTTP as it is, and a frame that was cut off as far as it goes', () => {
    const request = utf8('POST /devices HTTP/1.1\r\n\r\n{}');
    expect(readSpeech(request)).toEqual({ http: request, messages: [] });
    const cut = frame(2, noise(50)).slice(0, 26);
    expect(readSpeech(concat(head, cut)).messages.map((message) => message.length)).toEqual([20]);
  });

  it('refuses compressed frames, in which nothing could be found', () => {
    const compressed = frame(2, noise(5)).with(0, 0xc2);
    expect(() => readSpeech(concat(head, compressed))).toThrow('compressed');
  });
});
