import { ChoraleError } from '@chorale/shared';
import { toProblem } from '@chorale/shared/wire';
import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { createHttp } from './http.ts';

const asked: { url: string; init: RequestInit }[] = [];

function answering(answer: () => Response | Promise<Response>) {
  const fetch = async (input: RequestInfo | URL, init: RequestInit = {}) => {
    asked.push({ url: String(input), init });
    return answer();
  };
  return createHttp({ host: 'https://learn.example.com', clientKey: 'pk_x', fetch, timeoutMs: 20 });
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'none';
  } catch (error) {
    return error instanceof ChoraleError ? error.code : 'not coded';
  }
}

const schema = z.object({ a: z.number() });

describe('requests', () => {
  it('carry the publishable key, and neither cookies nor a referrer', async () => {
    await answering(() => Response.json({ a: 1 })).post('/x', { b: 2 }, schema);
    const { url, init } = asked.at(-1)!;
    expect(url).toBe('https://learn.example.com/x');
    expect(init).toMatchObject({
      method: 'POST',
      body: '{"b":2}',
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      headers: { authorization: 'Bearer pk_x', 'content-type': 'application/json' },
    });
  });

  it('give what the schema parsed, or bytes', async () => {
    expect(await answering(() => Response.json({ a: 1, b: 2 })).get('/x', schema)).toEqual({ a: 1 });
    expect(await answering(() => new Response(Uint8Array.of(1, 2))).getBytes('/x', 2)).toEqual(Uint8Array.of(1, 2));
  });
});

describe('refusals', () => {
  it('keep the coordinator’s own code', async () => {
    const problem = toProblem(new ChoraleError('rate-limited', 'later', { retryAfterMs: 7 }));
    const http = answering(() => Response.json(problem, { status: 429 }));
    await expect(http.get('/x', schema)).rejects.toMatchObject({ code: 'rate-limited', retryAfterMs: 7 });
  });

  it('are coded whatever comes instead of an answer', async () => {
    const cases: [() => Response | Promise<Response>, string][] = [
      [() => Promise.reject(new TypeError('network')), 'store-unavailable'],
      [() => new Response('<html>', { status: 502 }), 'internal'],
      [() => new Response('<html>'), 'invalid-input'],
      [() => Response.json({ a: 'x' }), 'invalid-input'],
      [() => new Response(new Uint8Array([0xff])), 'invalid-input'],
    ];
    for (const [answer, code] of cases) expect(await codeOf(answering(answer).get('/x', schema))).toBe(code);
  });

  it('come before a body without end has filled the memory', async () => {
    let pulled = 0;
    const endless = () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            pulled += 1;
            controller.enqueue(new Uint8Array(1000));
          },
        }),
      );
    expect(await codeOf(answering(endless).getBytes('/x', 5000))).toBe('payload-too-large');
    expect(pulled).toBeLessThan(20);
  });
});
