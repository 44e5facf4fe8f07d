/** Who may pass: rate limits first, then the bearer key. */

import { ChoraleError, type Store } from '@chorale/shared';
import type { RequestHandler } from 'express';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { findApiKey } from '../auth/api-keys.ts';
import type { Audience } from './route.ts';

/** @throws ChoraleError `rate-limited` with the time to wait */
export type Limiter = (who: string) => Promise<void>;

/** Counts in memory: so many per minute for each name. */
export function limiter(perMinute: number): Limiter {
  const counts = new RateLimiterMemory({ points: perMinute, duration: 60 });
  return async (who) => {
    try {
      await counts.consume(who);
    } catch (rejection) {
      if (!(rejection instanceof RateLimiterRes)) throw rejection;
      throw new ChoraleError('rate-limited', 'too many requests: wait and try again', {
        retryAfterMs: rejection.msBeforeNext,
      });
    }
  };
}

export function limitAddresses(limit: Limiter): RequestHandler {
  return async (request, _response, next) => {
    await limit(request.socket.remoteAddress ?? 'unknown');
    next();
  };
}

export function requireKey(store: Pick<Store, 'get'>, audience: Audience): RequestHandler {
  return async (request, _response, next) => {
    await checkKey(store, audience, request.get('authorization'));
    next();
  };
}

/** @throws ChoraleError `unauthorized` without a valid key, `forbidden` where the key does not reach so far */
export async function checkKey(
  store: Pick<Store, 'get'>,
  audience: Audience,
  header: string | undefined,
): Promise<void> {
  if (audience === 'anyone') return;
  const key = await findApiKey(store, /^Bearer (\S+)$/.exec(header ?? '')?.[1] ?? '');
  if (!key) throw new ChoraleError('unauthorized', 'send a valid API key: Authorization: Bearer …');
  if (audience === 'admin' && key.kind !== 'secret')
    throw new ChoraleError('forbidden', 'this needs a secret key (sk_…)');
}
