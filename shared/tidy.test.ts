/** The rules of the house that a machine can keep, for all code that is not a test. */

import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const workspaces = ['shared', 'client', 'coordinator', 'simulations'] as const;
type Workspace = (typeof workspaces)[number];

/** Whom each workspace may import. */
const mayImport: Readonly<Record<Workspace, readonly Workspace[]>> = {
  shared: [],
  client: ['shared'],
  coordinator: ['shared'],
  simulations: ['shared', 'client', 'coordinator'],
};

/** The floors of `shared`, lowest first; loose files of floor 0 stand below its folders, the package's door on top. */
const floors = [
  ['bytes.ts', 'vectors.ts', 'ids.ts', 'errors.ts', 'ports.ts', 'machine.ts'],
  ['kernels'],
  ['crypto', 'features', 'models', 'privacy'],
  ['encoding', 'consent'],
  ['secagg', 'algorithms'],
  ['wire'],
  ['adapters', 'testing'],
  ['index.ts'],
] as const;

const exempt = /(^|\/)(dist|node_modules|assembly)\/|\.test\.ts$|-contract\.ts$|^simulations\/(quickstart|bench)/;
const mayTouchTheWorld = /(^|\/)adapters\/|(^|\/)(main|cli)\.ts$|-worker\.ts$/;
const mayReadEnvironment = /(^|\/)config\.ts$/;
const mayTrainWithTensors = /^client\/training\/tfjs-[^/]*\.ts$/;
/** The laboratory, and what a package keeps for its own tests. */
const mayImportTesting = /^simulations\/|^[a-z]+\/testing\//;

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

describe('the house', () => {
  const house = readHouse();

  it('is tidy', () => {
    const rooms = new Set([...house.files.keys()].map((path) => path.split('/')[0]));
    expect([...rooms]).toEqual(workspaces);
    expect(violationsIn(house)).toEqual([]);
  });

  for (const door of doorsForEveryPlatform(house)) {
    it(`reaches nothing of Node through ${door}`, () => {
      expect(nodeModulesBehind(house, door)).toEqual([]);
    });
  }
});

describe('the rules catch', () => {
  const rulesBrokenBy = (files: Readonly<Record<string, string>>) => violationsIn(houseOf(files)).map(rule);
  const rule = (violation: string) => violation.slice(violation.indexOf(' ') + 1);

  it('nothing in a tidy house', () => {
    const files = {
      'shared/bytes.ts': 'export const bytes = 1;',
      'shared/crypto/index.ts': `export { bytes } from '../bytes.ts'; import { sha256 } from '@noble/hashes/sha2.js';`,
      'shared/secagg/index.ts': `import { bytes } from '../crypto/index.ts'; // setTimeout, Date.now() in a comment`,
      'client/index.ts': `import { bytes } from '@chorale/shared/crypto'; import './behavior/log.ts';`,
      'client/behavior/log.ts': `const text = 'Math.random'; new Date(5); clock.setTimeout(); const o = { setInterval: 1 };`,
      'client/adapters/here.ts': `import { readFile } from 'node:fs/promises'; Date.now(); setTimeout(() => {}, 1);`,
      'client/training/tfjs-trainer.ts': `import * as tf from '@tensorflow/tfjs';`,
      'coordinator/main.ts': `import { join } from 'node:path'; setInterval(() => {}, 1);`,
      'coordinator/config.ts': 'process.env.CHORALE_PORT;',
      'shared/testing/index.ts': '',
      'simulations/world.ts': `import { virtualClock } from '@chorale/shared/testing'; import '@chorale/client';`,
      'simulations/bench/main.ts': 'performance.now();',
      'client/index.test.ts': `import '../coordinator/main.ts'; Math.random();`,
    };
    expect(violationsIn(houseOf(files))).toEqual([]);
  });

  it('an import of a higher floor, of a sibling, or of the door above', () => {
    const upper = { 'shared/encoding/a.ts': '', 'shared/consent/a.ts': '', 'shared/index.ts': '' };
    const breaks = (path: string, from: string) => rulesBrokenBy({ ...upper, [path]: `import '${from}';` });
    expect(breaks('shared/crypto/b.ts', '../encoding/a.ts')).toEqual(['shared/crypto may not import shared/encoding']);
    expect(breaks('shared/encoding/b.ts', '../consent/a.ts')).toEqual([
      'shared/encoding may not import shared/consent',
    ]);
    expect(breaks('shared/bytes.ts', './encoding/a.ts')).toEqual(['shared/bytes.ts may not import shared/encoding']);
    expect(breaks('shared/wire/b.ts', '../index.ts')).toEqual(['shared/wire may not import shared/index.ts']);
    expect(breaks('shared/ids.ts', './encoding/a.ts')).toHaveLength(1);
  });

  it('a folder that stands on no floor', () => {
    expect(rulesBrokenBy({ 'shared/stuff/a.ts': `import '../bytes.ts';`, 'shared/bytes.ts': '' })).toEqual([
      'shared/stuff stands on no floor',
    ]);
  });

  it('type imports, re-exports, import() and import types like any other import', () => {
    for (const text of [
      `import type { A } from '../wire/a.ts';`,
      `export { a } from '../wire/a.ts';`,
      `export * from '../wire/a.ts';`,
      `await import('../wire/a.ts');`,
      `type A = import('../wire/a.ts').A;`,
    ]) {
      expect(rulesBrokenBy({ 'shared/crypto/b.ts': text, 'shared/wire/a.ts': '' }), text).toHaveLength(1);
    }
  });

  it('an import that goes round a door', () => {
    const files = { 'shared/crypto/a.ts': '', 'shared/crypto/index.ts': '' };
    const breaks = (from: string) => rulesBrokenBy({ ...files, 'client/a.ts': `import '${from}';` });
    expect(breaks('../shared/crypto/a.ts')).toEqual(['packages are entered by their doors']);
    expect(breaks('@chorale/shared/crypto/a.ts')).toEqual(['@chorale/shared/crypto/a.ts is no door']);
    expect(breaks('@chorale/shared/nowhere')).toEqual(['@chorale/shared/nowhere is no door']);
    expect(rulesBrokenBy({ ...files, 'shared/wire/a.ts': `import '@chorale/shared/crypto';` })).toEqual([
      'shared may not import @chorale/shared',
    ]);
  });

  it('packages that import each other the wrong way', () => {
    const files = { 'client/index.ts': '', 'coordinator/index.ts': '', 'simulations/index.ts': '' };
    const breaks = (path: string, from: string) => rulesBrokenBy({ ...files, [path]: `import '${from}';` });
    expect(breaks('client/a.ts', '@chorale/coordinator')).toEqual(['client may not import @chorale/coordinator']);
    expect(breaks('coordinator/a.ts', '@chorale/client')).toEqual(['coordinator may not import @chorale/client']);
    expect(breaks('shared/wire/a.ts', '@chorale/client')).toEqual(['shared may not import @chorale/client']);
    expect(breaks('client/b.ts', '@chorale/simulations')).toEqual(['client may not import @chorale/simulations']);
  });

  it('circles, short and long', () => {
    expect(
      rulesBrokenBy({ 'client/a.ts': `import './b.ts';`, 'client/b.ts': `import type { A } from './a.ts';` }),
    ).toEqual(['circle: client/a.ts → client/b.ts → client/a.ts']);
    const long = {
      'client/a.ts': `import './b.ts';`,
      'client/b.ts': `import './c.ts';`,
      'client/c.ts': `import './a.ts';`,
    };
    expect(rulesBrokenBy(long)).toEqual(['circle: client/a.ts → client/b.ts → client/c.ts → client/a.ts']);
  });

  it('the environment outside a config.ts', () => {
    const uses = ['process.env.HOME', `process['env']`, 'globalThis.process.env', 'const { env } = process'];
    for (const text of uses) expect(rulesBrokenBy({ 'coordinator/main.ts': text }), text).toEqual(['process.env']);
  });

  it('clocks, timers and chance in the core', () => {
    for (const [text, what] of [
      ['Date.now()', 'Date.now'],
      ['const now = Date.now;', 'Date.now'],
      ['new Date()', 'new Date()'],
      ['Date()', 'Date()'],
      ['performance.now()', 'performance.now'],
      ['globalThis.performance.now()', 'performance.now'],
      ['setTimeout(work, 5)', 'setTimeout'],
      ['globalThis.setInterval(work, 5)', 'setInterval'],
      ['await new Promise(setImmediate)', 'setImmediate'],
      ['requestAnimationFrame(work)', 'requestAnimationFrame'],
      ['Math.random()', 'Math.random'],
      ['crypto.getRandomValues(a)', 'getRandomValues'],
      ['crypto.randomUUID()', 'randomUUID'],
    ] as const) {
      expect(rulesBrokenBy({ 'client/session/a.ts': text }), text).toEqual([`${what} in the core`]);
    }
  });

  it('modules of Node in the core, by either name', () => {
    expect(rulesBrokenBy({ 'coordinator/rounds/a.ts': `import { join } from 'node:path';` })).toEqual([
      'node:path in the core',
    ]);
    expect(rulesBrokenBy({ 'client/a.ts': `import { Worker } from 'worker_threads';` })).toEqual([
      'worker_threads in the core',
    ]);
  });

  it('tensors outside the trainer, and testing outside the laboratory', () => {
    const files = { 'shared/testing/index.ts': '', 'shared/testing/contracts.ts': '' };
    const breaks = (path: string, from: string) => rulesBrokenBy({ ...files, [path]: `import '${from}';` });
    expect(breaks('client/training/trainer.ts', '@tensorflow/tfjs')).toEqual(['@tensorflow/tfjs outside tfjs-*.ts']);
    expect(breaks('simulations/a.ts', '@tensorflow/tfjs-backend-wasm')).toHaveLength(1);
    expect(breaks('client/a.ts', '@chorale/shared/testing')).toEqual(['testing outside tests and simulations']);
    expect(breaks('client/a.ts', '@chorale/shared/testing/contracts')).toHaveLength(1);
    expect(breaks('shared/index.ts', './testing/index.ts')).toEqual(['testing outside tests and simulations']);
    expect(breaks('client/testing/stage.ts', '@chorale/shared/testing')).toEqual([]);
    expect(
      rulesBrokenBy({ 'client/a.ts': `import './testing/stage.ts';`, 'client/testing/stage.ts': '' }),
    ).toHaveLength(1);
  });

  it('an import of a file that is not there', () => {
    expect(rulesBrokenBy({ 'client/a.ts': `import './gone.ts';` })).toEqual(['./gone.ts is not there']);
  });

  it('Node behind a door that browsers enter', () => {
    const house = houseOf({
      'shared/wire/index.ts': `export * from '../wire/deep.ts';`,
      'shared/wire/deep.ts': `import { hash } from 'node:crypto';`,
    });
    expect(nodeModulesBehind(house, 'shared/wire/index.ts')).toEqual(['shared/wire/deep.ts:1 node:crypto']);
  });

  it('each with its place', () => {
    expect(violationsIn(houseOf({ 'client/a.ts': '\n\nMath.random();' }))).toEqual([
      'client/a.ts:3 Math.random in the core',
    ]);
  });
});

// What is read ---------------------------------------------------------------------------------------------------------

/** Something a file does that a rule may mind: a module it imports, or a global it uses. */
type Finding = { readonly line: number; readonly name: string };
type File = { readonly path: string; readonly imports: readonly Finding[]; readonly globals: readonly Finding[] };
type House = { readonly files: ReadonlyMap<string, File>; readonly doors: ReadonlyMap<string, string> };

function readHouse(): House {
  const paths = workspaces.flatMap((workspace) =>
    readdirSync(join(root, workspace), { recursive: true, encoding: 'utf8' }).map((path) => join(workspace, path)),
  );
  const sources = paths.map((path) => path.split(sep).join('/')).filter((path) => path.endsWith('.ts') && isHeld(path));
  const texts = sources.map((path) => [path, readFileSync(join(root, path), 'utf8')] as const);
  const doors = workspaces.flatMap((workspace) => {
    const manifest = JSON.parse(readFileSync(join(root, workspace, 'package.json'), 'utf8'));
    return doorsOf(workspace, manifest.exports ?? {});
  });
  return { files: filesOf(texts), doors: new Map(doors) };
}

/** A made-up house with the real doors of `shared` for its folders and a door for every other package. */
function houseOf(texts: Readonly<Record<string, string>>): House {
  const doors = Object.keys(texts).flatMap((path): [string, string][] => {
    const name = `@chorale/${path.replace(/\/index\.ts$|\.ts$/, '')}`;
    return /\/(index|contracts)\.ts$/.test(path) ? [[name, path]] : [];
  });
  return { files: filesOf(Object.entries(texts).filter(([path]) => isHeld(path))), doors: new Map(doors) };
}

function isHeld(path: string): boolean {
  return !exempt.test(path);
}

function filesOf(texts: readonly (readonly [path: string, text: string])[]): ReadonlyMap<string, File> {
  return new Map(texts.map(([path, text]) => [path, { path, ...readFile(text) }]));
}

type Exports = Readonly<Record<string, unknown>>;

/** The doors of a package, with the source file behind each: whatever stands under `development`, conditions within too. */
function doorsOf(workspace: Workspace, entries: Exports): readonly [string, string][] {
  return Object.entries(entries).flatMap(([entry, target]) =>
    sourcesIn(target).map((source): [string, string] => [
      `@chorale/${workspace}${entry.slice(1)}`,
      `${workspace}/${source.slice(2)}`,
    ]),
  );
}

function sourcesIn(target: unknown): readonly string[] {
  if (typeof target === 'string') return target.endsWith('.ts') && !target.endsWith('.d.ts') ? [target] : [];
  return typeof target === 'object' && target !== null ? Object.values(target).flatMap(sourcesIn) : [];
}

function readFile(text: string): Pick<File, 'imports' | 'globals'> {
  const source = ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest, true);
  const imports: Finding[] = [];
  const globals: Finding[] = [];
  const visit = (node: ts.Node) => {
    const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
    const module = importedBy(node);
    if (module !== undefined) imports.push({ line, name: module });
    const global = globalUsedBy(node);
    if (global !== undefined) globals.push({ line, name: global });
    ts.forEachChild(node, visit);
  };
  visit(source);
  return { imports, globals };
}

function importedBy(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return textOf(node.moduleSpecifier);
  if (ts.isImportTypeNode(node)) return ts.isLiteralTypeNode(node.argument) ? textOf(node.argument.literal) : undefined;
  if (!ts.isCallExpression(node)) return undefined;
  const isImport = node.expression.kind === ts.SyntaxKind.ImportKeyword || nameOf(node.expression) === 'require';
  return isImport ? textOf(node.arguments[0]) : undefined;
}

function textOf(node: ts.Node | undefined): string | undefined {
  return node !== undefined && ts.isStringLiteralLike(node) ? node.text : undefined;
}

const members = ['Date.now', 'performance.now', 'performance.timeOrigin', 'Math.random', 'process.env'];
const functions = ['setTimeout', 'setInterval', 'setImmediate', 'requestAnimationFrame', 'requestIdleCallback'];
const sources = ['getRandomValues', 'randomUUID', 'randomBytes'];

/** The clock, timer, random source or environment that this very node names. */
function globalUsedBy(node: ts.Node): string | undefined {
  if (ts.isNewExpression(node))
    return nameOf(node.expression) === 'Date' && !node.arguments?.length ? 'new Date()' : undefined;
  if (ts.isCallExpression(node)) return nameOf(node.expression) === 'Date' ? 'Date()' : undefined;
  if (ts.isVariableDeclaration(node)) return destructuresEnvironment(node) ? 'process.env' : undefined;
  if (ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node)) {
    const name = nameOf(node);
    return name !== undefined && [...members, ...functions].includes(name)
      ? name
      : sources.find((source) => name?.endsWith(`.${source}`));
  }
  return ts.isIdentifier(node) && functions.includes(node.text) && isExpression(node) ? node.text : undefined;
}

/** `a.b` of `a.b`, `a['b']` and `globalThis.a.b`. */
function nameOf(node: ts.Node): string | undefined {
  if (ts.isIdentifier(node)) return node.text;
  if (!ts.isPropertyAccessExpression(node) && !ts.isElementAccessExpression(node)) return undefined;
  const member = ts.isPropertyAccessExpression(node) ? node.name.text : textOf(node.argumentExpression);
  const object = nameOf(node.expression);
  if (member === undefined || object === undefined) return undefined;
  return ['globalThis', 'window', 'self'].includes(object) ? member : `${object}.${member}`;
}

function destructuresEnvironment({ name, initializer }: ts.VariableDeclaration): boolean {
  if (!ts.isObjectBindingPattern(name) || initializer === undefined || nameOf(initializer) !== 'process') return false;
  return name.elements.some((element) => nameOf(element.propertyName ?? element.name) === 'env');
}

/** Whether an identifier is read as a value, and not the name of a member or of a declaration. */
function isExpression(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isPropertyAssignment(parent) || ts.isVariableDeclaration(parent) || ts.isParameter(parent))
    return parent.initializer === node;
  return ts.isExpression(parent) || ts.isStatement(parent) || ts.isShorthandPropertyAssignment(parent);
}

// What is minded -------------------------------------------------------------------------------------------------------

/** Every broken rule as `file:line rule`, in order. */
function violationsIn(house: House): readonly string[] {
  const files = [...house.files.values()];
  return [...files.flatMap((file) => violationsOf(file, house)), ...circlesIn(house)].sort();
}

function violationsOf(file: File, house: House): readonly string[] {
  const at = ({ line }: Finding, broken: string | undefined) =>
    broken === undefined ? [] : [`${file.path}:${line} ${broken}`];
  return [
    ...file.globals.flatMap((use) => at(use, globalRule(file.path, use.name))),
    ...file.imports.flatMap((use) =>
      at(use, moduleRule(file.path, use.name) ?? importRule(file.path, use.name, house)),
    ),
  ];
}

function globalRule(path: string, name: string): string | undefined {
  if (name === 'process.env') return mayReadEnvironment.test(path) ? undefined : 'process.env';
  return mayTouchTheWorld.test(path) ? undefined : `${name} in the core`;
}

function moduleRule(path: string, name: string): string | undefined {
  if (isOfNode(name)) return mayTouchTheWorld.test(path) ? undefined : `${name} in the core`;
  if (name.startsWith('@tensorflow/')) return mayTrainWithTensors.test(path) ? undefined : `${name} outside tfjs-*.ts`;
  return undefined;
}

function isOfNode(module: string): boolean {
  return module.startsWith('node:') || builtinModules.includes(module.split('/')[0]!);
}

function importRule(path: string, name: string, house: House): string | undefined {
  const own = path.split('/')[0] as Workspace;
  const target = targetOf(path, name, house);
  if (name.startsWith('@chorale/')) {
    const other = name.split('/')[1] as Workspace;
    if (!mayImport[own].includes(other)) return `${own} may not import @chorale/${other}`;
    if (target === undefined) return `${name} is no door`;
  } else if (name.startsWith('.')) {
    if (target!.split('/')[0] !== own) return 'packages are entered by their doors';
    if (target!.endsWith('.ts') && !house.files.has(target!) && isHeld(target!)) return `${name} is not there`;
  } else return undefined;
  if (/^[a-z]+\/testing\//.test(target!) && !mayImportTesting.test(path))
    return 'testing outside tests and simulations';
  return own === 'shared' ? floorRule(path, target!) : undefined;
}

/** The file an import leads to; undefined for packages from elsewhere and for doors that are not there. */
function targetOf(path: string, name: string, house: House): string | undefined {
  if (name.startsWith('@chorale/')) return house.doors.get(name);
  return name.startsWith('.')
    ? relative('/', join('/', dirname(path), name))
        .split(sep)
        .join('/')
    : undefined;
}

function floorRule(path: string, target: string): string | undefined {
  const [from, to] = [path, target].map((file) => file.split('/')[1]!) as [string, string];
  const isLoose = !path.slice('shared/'.length).includes('/');
  if (from === to || (isLoose && floorOf(from) === 0 && floorOf(to) === 0)) return undefined;
  if (floorOf(from) < 0) return `shared/${from} stands on no floor`;
  return floorOf(to) < floorOf(from) ? undefined : `shared/${from} may not import shared/${to}`;
}

function floorOf(room: string): number {
  return floors.findIndex((rooms) => (rooms as readonly string[]).includes(room));
}

/** One report for each set of files that import each other, starting from the first by name. */
function circlesIn(house: House): readonly string[] {
  const reported = new Set<string>();
  return [...house.files.keys()].sort().flatMap((start) => {
    const circle = reported.has(start) ? undefined : shortestCircle(start, house);
    if (circle === undefined) return [];
    for (const { path } of circle) reported.add(path);
    return [`${start}:${circle[0]!.line} circle: ${[...circle.map(({ path }) => path), start].join(' → ')}`];
  });
}

type Step = { readonly path: string; readonly line: number };

function shortestCircle(start: string, house: House): readonly Step[] | undefined {
  const seen = new Set<string>();
  let trails: readonly (readonly Step[])[] = [[]];
  for (let at: readonly string[] = [start]; at.length > 0; ) {
    const next: [string, readonly Step[]][] = [];
    for (const [i, path] of at.entries()) {
      for (const { name, line } of house.files.get(path)?.imports ?? []) {
        const target = targetOf(path, name, house);
        const trail = [...trails[i]!, { path, line }];
        if (target === start) return trail;
        if (target === undefined || seen.has(target)) continue;
        seen.add(target);
        next.push([target, trail]);
      }
    }
    at = next.map(([path]) => path);
    trails = next.map(([, trail]) => trail);
  }
  return undefined;
}

/** Doors that must open in browsers: all of `shared` but Node's adapters and the suites for vitest, and the client's own. */
function doorsForEveryPlatform({ doors }: House): readonly string[] {
  const isForAll = (path: string) => path.startsWith('shared/') && !/adapters\/node\.ts$|contracts\.ts$/.test(path);
  return [...[...doors.values()].filter(isForAll), 'client/index.ts'];
}

function nodeModulesBehind(house: House, door: string): readonly string[] {
  if (!house.files.has(door)) return [`${door} is not there`];
  const reached = new Set([door]);
  for (const path of reached) {
    for (const { name } of house.files.get(path)?.imports ?? []) {
      const target = targetOf(path, name, house);
      if (target !== undefined) reached.add(target);
    }
  }
  return [...reached].flatMap((path) =>
    (house.files.get(path)?.imports ?? [])
      .filter(({ name }) => isOfNode(name))
      .map(({ name, line }) => `${path}:${line} ${name}`),
  );
}
