/** `npm run quickstart`: a whole federated training, with real parts and devices that keep leaving. */

import { ChoraleError } from '@chorale/shared';
import { parseOptions, type QuickstartOptions } from './quickstart/options.ts';
import { pageOf } from './quickstart/result.ts';
import { type Report, runQuickstart } from './quickstart/run.ts';
import { createProgress } from './report/progress.ts';

const options = parseOptions(process.argv.slice(2));
const progress = createProgress(process.stderr);
const cleanups: (() => Promise<void>)[] = [];
let cleaning: Promise<void> | undefined;
let isStopping = false;

const exitCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };
for (const [signal, exitCode] of Object.entries(exitCodes)) process.once(signal, () => void stop(exitCode));
// A terminal that was closed, or a pipe that nobody reads any more: the run would be for nobody.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => void stop(exitCodes.SIGHUP));

process.exit(await main(options));

/** @returns the exit code */
async function main({ json, keepOpen }: QuickstartOptions): Promise<number> {
  // With --json, stdout belongs to the object.
  const say = (line: string) => (json ? progress.say(line) : void process.stdout.write(`${line}\n`));
  try {
    const { result, url, publishableKey, rootKey, ...checked } = await runQuickstart(options, {
      progress,
      say,
      onCleanUp: (undo) => cleanups.push(undo),
    });
    say(pageOf(result, checked));
    if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
    if (keepOpen) await stayOpen({ url, publishableKey, rootKey }, say);
    return result.exact ? 0 : 1;
  } catch (error) {
    // Ctrl-C reaches the coordinator and the devices too: what fails while they go is no news.
    if (isStopping) await new Promise(() => {});
    progress.end();
    console.error(`\n${error instanceof ChoraleError ? error.message : (error as Error).stack}`);
    return 1;
  } finally {
    await cleanUp();
  }
}

async function stayOpen(
  at: Pick<Report, 'url' | 'publishableKey' | 'rootKey'>,
  say: (line: string) => void,
): Promise<void> {
  say(`The status page stays at ${at.url} until Ctrl-C. A device of your own joins with`);
  say(`  npx tsx --conditions=development examples/device-in-node.ts ${at.url} ${at.publishableKey} ${at.rootKey}`);
  await new Promise(() => {});
}

async function stop(exitCode: number): Promise<void> {
  isStopping = true;
  progress.end();
  await cleanUp();
  process.exit(exitCode);
}

/** Once, and whoever asks again waits for it: nobody may exit before it is done. */
function cleanUp(): Promise<void> {
  cleaning ??= undoAll();
  return cleaning;
}

async function undoAll(): Promise<void> {
  for (const undo of cleanups.splice(0).reverse()) await undo().catch(() => {});
}
