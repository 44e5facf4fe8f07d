import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { base64url, floatsToBytes, hex } from '@chorale/shared';
import { sha256 } from '@chorale/shared/crypto';
import type { ModelSpec } from '@chorale/shared/models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runLab } from '../lab.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'chorale-export-'));
});
afterAll(() => rm(directory, { recursive: true }));

const linear: ModelSpec = { family: 'linear', inputs: 2, outputs: 1, output: 'sigmoid' };
const additive: ModelSpec = { family: 'additive', inputs: 1, edges: [[0.5]] };

/** As a coordinator delivers them. */
async function lab(spec: ModelSpec, parameters: readonly number[], ...more: readonly string[]) {
  const bytes = floatsToBytes(Float32Array.from(parameters));
  const id = (kind: string) => `${kind}_01K00000000000000000000000`;
  const manifest = {
    ...{ id: id('mdl'), task: id('tsk'), version: 1, createdAt: '2026-01-01T00:00:00.000Z', round: id('rnd') },
    ...{ spec, examples: { source: 'rows/1' }, parameterCount: parameters.length },
    parametersSha256: hex(sha256(bytes)),
    card: {
      privacy: { mechanism: 'none', rounds: 1, contributors: 5, smallestCohort: 5 },
      ...{ consentPolicySha256: '0'.repeat(64), receiptsRoot: '0'.repeat(64) },
    },
    signature: base64url(new Uint8Array(64)),
  };
  const [manifestPath, parametersPath, to] = ['model.json', 'parameters.bin', 'to'].map((name) =>
    join(directory, name),
  );
  await writeFile(manifestPath!, JSON.stringify(manifest));
  await writeFile(parametersPath!, bytes);
  const [results, notices]: [string[], string[]] = [[], []];
  const args = ['export', '--manifest', manifestPath!, '--parameters', parametersPath!, '--to', to!, ...more];
  const output = {
    result: (text: string) => void results.push(text),
    notice: (text: string) => void notices.push(text),
  };
  const exitCode = await runLab(args, output);
  return { exitCode, results, notices: notices.join('\n'), read: (name: string) => readFile(join(to!, name)) };
}

describe('lab export', () => {
  it('writes a linear model for tfjs: a topology, and weights beside it', async () => {
    const { exitCode, results, read } = await lab(linear, [1, 2, 3]);
    expect(exitCode).toBe(0);
    expect(results.map((path) => path.split('/').at(-1))).toEqual(['model.json', 'weights.bin']);
    expect(JSON.parse(`${await read('model.json')}`)).toMatchObject({ format: 'layers-model' });
    expect(hex(new Uint8Array(await read('weights.bin')))).toBe(hex(floatsToBytes(Float32Array.of(1, 2, 3))));
  });

  it('writes shape functions for XGBoost', async () => {
    const { exitCode, read } = await lab(additive, [-1, 2, 3], '--names', 'recency');
    expect(exitCode).toBe(0);
    expect(JSON.parse(`${await read('xgboost.json')}`).learner.feature_names).toEqual(['recency']);
  });

  it.each([
    ['names that are not one a feature', additive, [-1, 2, 3], ['--names', 'a', 'b'], 'names: 2 for 1 features'],
    ['parameters that do not fit', linear, [1, 2], [], 'not those of a model'],
    ['a model of segments', { family: 'centroids', inputs: 1, count: 2 }, [1, 2], [], 'centroids'],
    ['another file of parameters', linear, [1, 2, 3], ['--parameters', import.meta.filename], 'sha256'],
    ['no file at all', linear, [1, 2, 3], ['--parameters', 'nowhere'], 'cannot be read'],
    ['no manifest', linear, [1, 2, 3], ['--manifest', 'nowhere'], 'cannot be read'],
  ] as const)('refuses %s', async (_, spec, parameters, more, message) => {
    const { exitCode, notices } = await lab(spec as ModelSpec, parameters, ...more);
    expect(exitCode).toBe(2);
    expect(notices).toContain(message);
  });
});
