/** `/api/v1/devices` and `/api/v1/consents`. */

import { ChoraleError, isDeviceId } from '@chorale/shared';
import { apiPath, routes as paths } from '@chorale/shared/wire';
import type { Consents } from '../consent/consents.ts';
import { json, type Route } from '../http/route.ts';
import { viewOfDevice } from './device.ts';
import type { Devices } from './enrolment.ts';

export function deviceRoutes(devices: Devices, consents: Consents): readonly Route[] {
  return [
    {
      method: 'post',
      path: paths.devices,
      audience: 'device',
      answer: async (call) => json(viewOfDevice(await devices.enrol(call.body)), 201),
    },
    {
      method: 'get',
      path: `${apiPath}/devices/:id`,
      audience: 'admin',
      async answer(call) {
        const id = call.params.id ?? '';
        if (!isDeviceId(id)) throw new ChoraleError('not-found', 'there is no such device');
        return json(viewOfDevice(await devices.get(id)));
      },
    },
    {
      method: 'post',
      path: paths.consents,
      audience: 'device',
      async answer(call) {
        await consents.record(call.body);
        return { as: 'nothing' };
      },
    },
  ];
}
