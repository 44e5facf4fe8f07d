/** A copy of the sources in a temporary folder, where defences can be taken away without anybody running without them. */

import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Edit, Mutation } from '../mutations.ts';

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const workspaces = ['shared', 'client', 'coordinator', 'simulations'];
const leftOut = new Set(['dist', 'node_modules']);

export class MutatedTree {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async copy(): Promise<MutatedTree> {
    const folder = await mkdtemp(join(tmpdir(), 'chorale-mutations-'));
    for (const name of [...workspaces, 'package.json', 'tsconfig.json', 'vitest.config.ts']) {
      const filter = (path: string) =>
        !relative(root, path)
          .split(sep)
          .some((part) => leftOut.has(part));
      await cp(join(root, name), join(folder, name), { recursive: true, filter });
    }
    await linkPackages(folder);
    process.once('SIGINT', () => {
      rmSync(folder, { recursive: true, force: true });
      process.exit(130);
    });
    return new MutatedTree(folder);
  }

  /** Changes the sources, runs the tests that must notice, and changes them back. @returns the tests that failed */
  async try({ edits, tests }: Pick<Mutation, 'edits' | 'tests'>): Promise<{ readonly failed: readonly string[] }> {
    const undo = new Map<string, string>();
    try {
      for (const edit of edits) await this.#apply(edit, undo);
      return { failed: await this.#failing(tests) };
    } finally {
      for (const [path, text] of undo) await writeFile(path, text);
    }
  }

  async #apply({ file, replace, by }: Edit, undo: Map<string, string>): Promise<void> {
    const path = join(this.#folder, file);
    const text = await readFile(path, 'utf8');
    if (text.split(replace).length !== 2) throw new Error(`${file}: this does not stand there once: ${replace}`);
    if (!undo.has(path)) undo.set(path, text);
    await writeFile(
      path,
      text.replace(replace, () => by),
    );
  }

  async #failing(tests: Mutation['tests']): Promise<readonly string[]> {
    const files = [...new Set(tests.map(({ file }) => file))];
    const names = tests.map(({ name }) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
    const report = join(this.#folder, 'report.json');
    const vitest = join('node_modules', 'vitest', 'vitest.mjs');
    await run(this.#folder, [vitest, 'run', ...files, '-t', names, '--reporter=json', `--outputFile=${report}`]);
    const { testResults } = JSON.parse(await readFile(report, 'utf8')) as Report;
    // A file that does not even load says nothing about the defence.
    const broken = testResults.find(({ assertionResults }) => assertionResults.length === 0);
    if (broken) throw new Error(`${broken.name} does not run: ${broken.message}`);
    const ran = testResults
      .flatMap(({ assertionResults }) => assertionResults)
      .filter(({ status }) => status in wasRun);
    const unknown = tests.find(({ name }) => !ran.some(({ fullName }) => fullName.includes(name)));
    if (unknown) throw new Error(`${unknown.file} has no test “${unknown.name}”`);
    return ran.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName);
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

const wasRun = { passed: true, failed: true };

type Report = {
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
};

/** The same packages as here, but the project's own from the copy. */
async function linkPackages(folder: string): Promise<void> {
  const packages = join(folder, 'node_modules');
  await mkdir(join(packages, '@chorale'), { recursive: true });
  for (const name of await readdir(join(root, 'node_modules'))) {
    if (name === '@chorale' || name.startsWith('.')) continue;
    await symlink(join(root, 'node_modules', name), join(packages, name), 'junction');
  }
  for (const name of workspaces) await symlink(join(folder, name), join(packages, '@chorale', name), 'junction');
}

function run(cwd: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd, stdio: 'ignore' });
    child.on('error', reject);
    child.on('exit', () => resolve());
  });
}
