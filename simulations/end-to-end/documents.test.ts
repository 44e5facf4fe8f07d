/** What the documents show is true: their code compiles, their example runs, their tasks are tasks, their links lead somewhere. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileFunction } from 'node:vm';
import { builtIn } from '@chorale/shared/algorithms';
import { exampleQuery } from '@chorale/shared/features';
import { newComparison, newTask } from '@chorale/shared/wire';
import ts from 'typescript';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const documents = [
  'README.md',
  'CONTRIBUTING.md',
  ...['shared', 'client', 'coordinator', 'simulations', 'examples'].map((folder) => `${folder}/README.md`),
];
const textOf = (document: string) => readFileSync(join(root, document), 'utf8');
const blocksIn = (document: string) =>
  [...textOf(document).matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => match[1]!);

it('the code of README and CONTRIBUTING compiles', () => {
  const [algorithm, law, ...others] = blocksIn('CONTRIBUTING.md');
  const looks = blocksIn('README.md');
  expect(looks.length).toBeGreaterThan(0);
  const files = {
    ...Object.fromEntries([...looks, ...others].map((code, i) => [`examples/block-${i}.ts`, code])),
    'shared/algorithms/base-rate.ts': algorithm!,
    'shared/algorithms/base-rate.test.ts': law!,
  };
  const wrong = { 'examples/wrong.ts': looks[0]!.replace("'scoring'", "'snooping'") };
  expect(complaintsAbout({ ...files, ...wrong })).toEqual([expect.stringMatching(/wrong\.ts: .*snooping/)]);
});

it('the algorithm of CONTRIBUTING counts through encoding, sum and decoding', async () => {
  const [algorithm, law] = blocksIn('CONTRIBUTING.md') as [string, string];
  const laws: (() => Promise<void>)[] = [];
  const vitest = { expect, it: (_fact: string, check: () => Promise<void>) => laws.push(check) };
  const baseRate = await run(algorithm, {});
  await run(law, { vitest, './base-rate.ts': baseRate });
  expect(laws).toHaveLength(1);
  await laws[0]!();
});

it('every task that a document shows is one that a coordinator takes and a device understands', () => {
  const posted = documents.flatMap((document) =>
    [...textOf(document).matchAll(/\/(\w+) -d '(\{.*?\})'/gs)].map(
      (match) => [match[1]!, JSON.parse(match[2]!)] as const,
    ),
  );
  const shownTo = (resource: string) => posted.filter(([to]) => to === resource).map(([, body]) => body);
  const tasks = shownTo('tasks').map((body) => newTask.parse(body));
  expect(tasks.length).toBeGreaterThan(0);
  for (const { algorithm, config } of tasks) builtIn.get(algorithm)!.config.parse(config);
  const comparisons = shownTo('comparisons').map((body) => newComparison.parse(body));
  expect(comparisons.length).toBeGreaterThan(0);
  for (const { examples } of [...tasks, ...comparisons]) {
    const { fold: _, ...query } = examples;
    exampleQuery.parse(query);
  }
});

it.each(documents)('the links and scripts of %s are there', (document) => {
  const text = textOf(document);
  const links = [...text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)]
    .map((match) => match[1]!)
    .filter((to) => !/^https?:/.test(to));
  expect(links.filter((to) => !existsSync(join(root, dirname(document), to)))).toEqual([]);
  const { scripts } = JSON.parse(textOf('package.json'));
  const named = [...text.matchAll(/npm run ([a-z:]+)/g)].map((match) => match[1]!);
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
});

it('every package and the examples have a README', () => {
  const packages = readdirSync(root).filter((name) => existsSync(join(root, name, 'tsconfig.json')));
  expect(packages.filter((name) => !documents.includes(`${name}/README.md`))).toEqual([]);
});

/** Type errors in files that are not on the disk, each as one line. */
function complaintsAbout(files: Readonly<Record<string, string>>): readonly string[] {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const settings = {
    ...options,
    noEmit: true,
    composite: false,
    noUnusedLocals: false,
    allowImportingTsExtensions: true,
  };
  const host = ts.createCompilerHost(settings);
  const shown = new Map(Object.entries(files).map(([path, text]) => [join(root, path), text]));
  const { fileExists, readFile } = host;
  host.fileExists = (path) => shown.has(path) || fileExists(path);
  host.readFile = (path) => shown.get(path) ?? readFile(path);
  const program = ts.createProgram([...shown.keys()], settings, host);
  return [...shown.keys()]
    .flatMap((path) => ts.getPreEmitDiagnostics(program, program.getSourceFile(path)))
    .map(({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
}

/** Runs a module as if it stood in `shared/algorithms`. @param given modules by name, in place of real ones */
async function run(code: string, given: Readonly<Record<string, object>>): Promise<object> {
  const modules = new Map<string, object>(Object.entries(given));
  for (const [, name] of code.matchAll(/ from '([^']+)'/g)) {
    if (modules.has(name!)) continue;
    const path = name!.startsWith('.') ? join(root, 'shared/algorithms', name!) : name!;
    modules.set(name!, await import(path));
  }
  const compilerOptions = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2023 };
  const { outputText } = ts.transpileModule(code, { compilerOptions });
  const exported = {};
  compileFunction(outputText, ['exports', 'require'])(exported, (name: string) => modules.get(name));
  return exported;
}
