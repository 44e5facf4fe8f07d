/** `/api/v1/models` with their comparisons and releases, `/parameters` and `/scores`. */

import { apiPath, routes as paths } from '@chorale/shared/wire';
import { parsePageQuery } from '../http/page-query.ts';
import { idParam, json, type Route } from '../http/route.ts';
import { viewOfTask } from '../tasks/task.ts';
import type { Models } from './models.ts';
import type { Releases } from './releases.ts';
import { score } from './scores.ts';

export function modelRoutes(models: Models, releases: Releases): readonly Route[] {
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
      method: 'post',
      path: `${apiPath}/models/:id/audit`,
      audience: 'admin',
      answer: async (call) => json(await models.attachAudit(idParam(call, 'model'), call.body)),
    },
    {
      method: 'post',
      path: `${apiPath}/models/:id/comparisons`,
      audience: 'admin',
      async answer(call) {
        const comparison = releases.compare(idParam(call, 'model'), call.body, call.header('idempotency-key'));
        return json(viewOfTask(await comparison), 201);
      },
    },
    {
      method: 'post',
      path: `${apiPath}/models/:id/releases`,
      audience: 'admin',
      answer: async (call) => json(await releases.release(idParam(call, 'model'), call.body), 201),
    },
    {
      method: 'get',
      path: `${apiPath}/tasks/:id/releases`,
      audience: 'admin',
      answer: async (call) => json(await releases.page(idParam(call, 'task'), parsePageQuery(call))),
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
