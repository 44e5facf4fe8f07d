/** `/api/v1/rounds`: for operators; never a vector. */

import type { DeviceId } from '@chorale/shared';
import { apiPath } from '@chorale/shared/wire';
import { parsePageQuery } from '../http/page-query.ts';
import { idParam, json, type Route } from '../http/route.ts';
import type { Rounds } from './rounds.ts';

export function roundRoutes(rounds: Rounds): readonly Route[] {
  return [
    {
      method: 'get',
      path: `${apiPath}/tasks/:id/rounds`,
      audience: 'admin',
      answer: async (call) => json(await rounds.page(idParam(call, 'task'), parsePageQuery(call))),
    },
    {
      method: 'get',
      path: `${apiPath}/rounds/:id`,
      audience: 'admin',
      answer: async (call) => json(await rounds.get(idParam(call, 'round'))),
    },
    {
      method: 'get',
      path: `${apiPath}/rounds/:id/transcript`,
      audience: 'admin',
      answer: async (call) => json(await rounds.transcript(idParam(call, 'round'))),
    },
    {
      method: 'get',
      path: `${apiPath}/rounds/:id/receipts/:device`,
      audience: 'admin',
      answer: async (call) =>
        json(await rounds.receipt(idParam(call, 'round'), (call.params.device ?? '') as DeviceId)),
    },
  ];
}
