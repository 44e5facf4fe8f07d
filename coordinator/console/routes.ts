/** The status page at `/` and its figures as JSON. */

import { apiPath } from '@chorale/shared/wire';
import { recent } from '../http/recent.ts';
import { json, type Route } from '../http/route.ts';
import { pageScript, pageStyle, renderPage } from './page.ts';
import { readStatus, type StatusParts } from './status.ts';

export function statusRoutes(parts: StatusParts): readonly Route[] {
  const status = recent(parts.now, () => readStatus(parts));
  return [
    {
      method: 'get',
      path: '/',
      audience: 'anyone',
      answer: async () => ({ as: 'text', type: 'html', text: renderPage(await status()) }),
    },
    {
      method: 'get',
      path: '/console.css',
      audience: 'anyone',
      answer: () => ({ as: 'text', type: 'css', text: pageStyle }),
    },
    {
      method: 'get',
      path: '/console.js',
      audience: 'anyone',
      answer: () => ({ as: 'text', type: 'js', text: pageScript }),
    },
    {
      method: 'get',
      path: `${apiPath}/status`,
      audience: 'anyone',
      answer: async () => json(await status()),
    },
  ];
}
