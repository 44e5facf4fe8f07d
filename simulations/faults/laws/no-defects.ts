/** Whatever happens outside is no reason for us to break our own invariants: only media may refuse. */

import type { Law } from './law.ts';

export function noDefects(): Law {
  return {
    name: 'no defects',
    judge(seen) {
      if (seen.see !== 'defect') return undefined;
      const text = seen.error instanceof Error ? (seen.error.stack ?? String(seen.error)) : JSON.stringify(seen.error);
      if (text.includes('the medium refused') || text.includes('the store refused')) return undefined;
      return `${seen.who === 'coordinator' ? 'the coordinator' : `device ${seen.who}`} has a defect: ${text}`;
    },
  };
}
