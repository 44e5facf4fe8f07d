// Runs a TypeScript worker from its source. Node 20 cannot start a `.ts` file as a worker, not even below tsx, so
// `worker.ts` starts this file, which installs tsx in the new thread. Built code never comes here.

import { register } from 'tsx/esm/api';

register();
await import(process.argv[2]);
