/** `/api/v1/models`, `/parameters` and `/scores`. */

import { apiPath, routes as paths } from '@chorale/shared/wire';
import { parsePageQuery } from '../http/page-query.ts';
import { idParam, json, type Route } from '../http/route.ts';
import type { Models } from './models.ts';
import { score } from './scores.ts';

export function modelRoutes(models: Models): readonly Route[] {
  return [
    {
      method: 'get',
      path: `${apiPath}/tasks/:id/models`,
      audience: 'device',
      answer: async (call) => json(await models.page(idParam(call, 'task'), parsePageQuery(call))),
    },
    {
      method: 'get',
      path: `${apiPath}/tasks/:id/models/latest`,
      audience: 'device',
      answer: async (call) => json(await models.latest(idParam(call, 'task'))),
    },
    {
      method: 'get',
      path: `${apiPath}/models/:id`,
      audience: 'device',
      answer: async (call) => json(await models.get(idParam(call, 'model'))),
    },
    {
      method: 'get',
      path: paths.parameters(':sha256'),
      audience: 'device',
      async answer(call) {
        const sha256 = call.params.sha256 ?? '';
        return { as: 'bytes', bytes: await models.parameters(sha256), sha256 };
      },
    },
    {
      method: 'post',
      path: paths.scores,
      audience: 'device',
      answer: async (call) => json(await score(models, call.body)),
    },
  ];
}
