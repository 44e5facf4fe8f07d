#!/usr/bin/env node
/** The `chorale` command. */

import { readFile } from 'node:fs/promises';
import { ChoraleError } from '@chorale/shared';
import { Command, CommanderError } from 'commander';
import { pino } from 'pino';
import { readConfig } from './config.ts';
import { type RunningCoordinator, startCoordinator } from './main.ts';

type StartFlags = {
  readonly store?: string;
  readonly host?: string;
  readonly port?: string;
  readonly logLevel?: string;
  readonly config?: string;
  readonly json?: boolean;
};

const defaultConfigFile = 'chorale.config.json';

const program = new Command('chorale')
  .description('Federated learning that only ever sees sums')
  .exitOverride()
  .configureOutput({ writeErr: (text) => process.stderr.write(text) });

program
  .command('start')
  .description('start a coordinator')
  .option('--store <directory>', 'where everything durable lives (CHORALE_STORE_DIR, ./chorale-store)')
  .option('--host <address>', 'address to listen on (CHORALE_HOST, 127.0.0.1)')
  .option('--port <number>', 'port to listen on, 0 for any (CHORALE_PORT, 8080)')
  .option('--log-level <level>', 'silent, error, warn, info or debug (CHORALE_LOG_LEVEL, info)')
  .option('--config <file>', `settings in JSON (${defaultConfigFile}, if it is there)`)
  .option('--json', 'print one line of JSON when ready')
  .action(start);

async function start(flags: StartFlags): Promise<void> {
  const { json = false, config: file, ...settings } = flags;
  const config = readConfig(settings, await readConfigFile(file));
  const log = pino({ level: config.logLevel }, pino.destination(2));
  const running = await startCoordinator(config, log);
  process.stdout.write(json ? `${JSON.stringify(facts(running))}\n` : greeting(running));
  stopOnSignal(running);
}

/** @throws ChoraleError `invalid-input`; the default file may be missing, a named one may not */
async function readConfigFile(named: string | undefined): Promise<unknown> {
  const path = named ?? defaultConfigFile;
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    if (named === undefined && isMissing) return undefined;
    throw new ChoraleError('invalid-input', `configuration: ${path} cannot be read`, { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ChoraleError('invalid-input', `configuration: ${path} is not JSON`, { cause });
  }
}

function facts({ url, publishableKey, adminKey, rootKey }: RunningCoordinator) {
  return { url, publishableKey, adminKey, rootKey };
}

function greeting({ url, publishableKey, adminKey, rootKey }: RunningCoordinator): string {
  const admin = adminKey === undefined ? '' : `\n  admin key        ${adminKey}   (shown this once: keep it)`;
  return `Chorale is ready at ${url}

  publishable key  ${publishableKey}
  root key         ${rootKey}${admin}

`;
}

function stopOnSignal(running: RunningCoordinator): void {
  let isStopping = false;
  const stop = () => {
    // A second signal does not wait: everything acknowledged is on the disk already.
    if (isStopping) process.exit(1);
    isStopping = true;
    running.stop().then(() => process.exit(0), fail);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}

function fail(error: unknown): never {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
  const isUsage = error instanceof ChoraleError && error.code === 'invalid-input';
  const text = error instanceof ChoraleError ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`${text}\n`);
  process.exit(isUsage ? 2 : 1);
}

program.parseAsync().catch(fail);
