/** `/api/v1/tasks`: what runs here, and who may start or stop it. */

import { ChoraleError } from '@chorale/shared';
import { apiPath } from '@chorale/shared/wire';
import { parsePageQuery } from '../http/page-query.ts';
import { idParam, json, type Route } from '../http/route.ts';
import { viewOfTask } from './task.ts';
import type { Tasks } from './tasks.ts';

const path = `${apiPath}/tasks`;

export function taskRoutes(tasks: Tasks): readonly Route[] {
  return [
    {
      method: 'get',
      path,
      audience: 'device',
      async answer(call) {
        const page = await tasks.page(parsePageQuery(call));
        return json({ ...page, items: page.items.map(viewOfTask) });
      },
    },
    {
      method: 'post',
      path,
      audience: 'admin',
      answer: async (call) => json(viewOfTask(await tasks.create(call.body, call.header('idempotency-key'))), 201),
    },
    {
      method: 'get',
      path: `${path}/:id`,
      audience: 'device',
      answer: async (call) => json(viewOfTask(await tasks.get(idParam(call, 'task')))),
    },
    {
      method: 'get',
      path: `${path}/:id/state`,
      audience: 'admin',
      async answer(call) {
        const task = await tasks.get(idParam(call, 'task'));
        return json((await tasks.learning(task)).state);
      },
    },
    {
      method: 'get',
      path: `${path}/:id/result`,
      audience: 'device',
      async answer(call) {
        const { result } = await tasks.learning(await tasks.get(idParam(call, 'task')));
        if (result === undefined) throw new ChoraleError('not-found', 'this task has no result, or none yet');
        return json(result);
      },
    },
    {
      method: 'post',
      path: `${path}/:id/pause`,
      audience: 'admin',
      answer: async (call) => json(viewOfTask(await tasks.pause(idParam(call, 'task')))),
    },
    {
      method: 'post',
      path: `${path}/:id/resume`,
      audience: 'admin',
      answer: async (call) => json(viewOfTask(await tasks.resume(idParam(call, 'task')))),
    },
  ];
}
