#!/usr/bin/env node
/** Starts the quickstart on a fresh clone: plain JavaScript, because nothing may be installed yet. */

import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Chorale needs Node 20.19 or newer; this is ${process.version}.`);
  process.exit(1);
}

if (!existsSync(join(root, 'node_modules', '.package-lock.json'))) install();
run();

function install() {
  console.error('Installing what is missing (once, about half a minute) …');
  const npm = process.env.npm_execpath;
  const done = npm
    ? spawnSync(process.execPath, [npm, 'ci', '--no-audit', '--no-fund'], { cwd: root, stdio: ['ignore', 2, 2] })
    : spawnSync('npm ci --no-audit --no-fund', { cwd: root, stdio: ['ignore', 2, 2], shell: true });
  if (done.status !== 0) {
    console.error('The installation failed. Run `npm ci` in this folder to see why, then try again.');
    process.exit(1);
  }
}

function run() {
  const script = join(root, 'simulations', 'quickstart.ts');
  const flags = ['--conditions=development', '--import', 'tsx', script, ...process.argv.slice(2)];
  const child = spawn(process.execPath, flags, { cwd: root, stdio: 'inherit' });
  // The child shares the terminal and hears Ctrl-C itself; this process only waits for it to tidy up.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
}
