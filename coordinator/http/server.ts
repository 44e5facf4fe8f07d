/** The HTTP shell: express carries requests to the routes of the slices and their answers back. */

import { ChoraleError } from '@chorale/shared';
import cors from 'cors';
import express, { type Express, type RequestHandler, type Response } from 'express';
import helmet from 'helmet';
import type { LimitConfig } from '../config.ts';
import type { Ports } from '../ports.ts';
import { limitAddresses, limiter, requireKey } from './gate.ts';
import { refusals } from './refusals.ts';
import type { Answer, Route } from './route.ts';

export function createHttpApp(routes: readonly Route[], limits: LimitConfig, { store, events }: Ports): Express {
  const app = express();
  app.set('etag', 'strong');
  app.set('x-powered-by', false);
  // Operators choose where TLS ends; telling browsers to insist on it would break a plain local start.
  app.use(helmet({ contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } } }));
  app.use(limitAddresses(limiter(limits.requestsPerMinute)));
  const body = express.json({ limit: limits.bodyBytes });
  for (const route of routes) {
    if (route.audience !== 'admin') app.options(route.path, cors());
    const share = route.audience === 'admin' ? [] : [cors()];
    app[route.method](route.path, ...share, requireKey(store, route.audience), body, answerWith(route));
  }
  app.use(() => {
    throw new ChoraleError('not-found', 'there is nothing at this path');
  });
  app.use(refusals(events));
  return app;
}

function answerWith(route: Route): RequestHandler {
  return async (request, response) => {
    const answer = await route.answer({
      params: request.params as Record<string, string>,
      query: request.query,
      body: request.body as unknown,
      header: (name: string) => request.get(name),
    });
    send(answer, request.get('if-none-match'), response);
  };
}

function send(answer: Answer, known: string | undefined, response: Response): void {
  switch (answer.as) {
    case 'json':
      response
        .set('Cache-Control', 'no-cache')
        .status(answer.status ?? 200)
        .json(answer.json);
      return;
    case 'nothing':
      response.status(204).end();
      return;
    case 'text':
      response.set('Cache-Control', 'no-cache').type(answer.type).send(answer.text);
      return;
    case 'bytes':
      response.set('ETag', `"${answer.sha256}"`).set('Cache-Control', 'public, max-age=31536000, immutable');
      // Express would send all of it again to a client that also says `no-cache`, as fetch in Node does.
      if (known?.includes(`"${answer.sha256}"`)) response.status(304).end();
      else response.type('application/octet-stream').send(Buffer.from(answer.bytes));
  }
}
