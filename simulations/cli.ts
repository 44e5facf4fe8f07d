/** `npm run lab -- <command>`: the laboratory's command line. */

import { runLab } from './lab.ts';

process.exitCode = await runLab(process.argv.slice(2), {
  result: (text) => process.stdout.write(`${text}\n`),
  notice: (text) => process.stderr.write(`${text}\n`),
});
