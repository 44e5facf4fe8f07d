/** `lab export`: a model as other tools load it. */

import { bytesToFloats, ChoraleError, hex } from '@chorale/shared';
import { sha256 } from '@chorale/shared/crypto';
import {
  areParametersOf,
  exportTfjs,
  exportXgboost,
  isTrainable,
  modelSpec,
  standardization,
} from '@chorale/shared/models';
import { modelManifest, parseInput } from '@chorale/shared/wire';
import type { Command } from 'commander';
import { readModelFile, writeModelFiles } from '../adapters/model-files.ts';
import type { LabOutput } from './command.ts';

type Options = {
  readonly manifest: string;
  readonly parameters: string;
  readonly to: string;
  readonly names?: readonly string[];
};

export function addExportCommand(lab: Command, output: LabOutput): void {
  lab
    .command('export')
    .description(
      'Write a model as other tools load it: linear models and networks in the Layers format of tfjs, trees and shape ' +
        'functions as JSON of XGBoost.',
    )
    .requiredOption('--manifest <file>', 'what GET /api/v1/models/<id> answers')
    .requiredOption('--parameters <file>', 'what GET /api/v1/parameters/<sha256> answers')
    .requiredOption('--to <folder>', 'where the files go; made if it is not there')
    .option('--names <names...>', 'of the features, for XGBoost')
    .addHelpText('after', '\nExample: lab export --manifest model.json --parameters parameters.bin --to exported')
    .action(async ({ manifest, parameters, to, names }: Options) => {
      const model = readModel(await readModelFile(manifest), await readModelFile(parameters));
      for (const path of await writeModelFiles(to, filesOf(model, names))) output.result(path);
    });
}

function readModel(manifestFile: Uint8Array, parametersFile: Uint8Array) {
  const manifest = parseInput(modelManifest, parsedJson(manifestFile), 'manifest');
  if (hex(sha256(parametersFile)) !== manifest.parametersSha256)
    throw new ChoraleError('invalid-input', 'parameters: not those that the manifest names by their sha256');
  const [spec, parameters] = [parseInput(modelSpec, manifest.spec, 'manifest: spec'), bytesToFloats(parametersFile)];
  if (!areParametersOf(spec, parameters))
    throw new ChoraleError('invalid-input', 'parameters: not those of a model as the manifest describes it');
  const scales =
    manifest.standardization === undefined
      ? undefined
      : parseInput(standardization, manifest.standardization, 'manifest: standardization');
  return { spec, parameters, standardization: scales };
}

function parsedJson(file: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(file));
  } catch {
    throw new ChoraleError('invalid-input', 'manifest: not JSON');
  }
}

function filesOf(
  { spec, parameters, standardization }: ReturnType<typeof readModel>,
  names: readonly string[] = [],
): Record<string, string | Uint8Array> {
  if (isTrainable(spec)) {
    const { json, weights } = exportTfjs(spec, parameters, standardization);
    return { 'model.json': JSON.stringify(json), 'weights.bin': weights };
  }
  if (spec.family === 'centroids')
    throw new ChoraleError(
      'invalid-input',
      'centroids: no other tool has a format for them; their parameters are the points',
    );
  if (names.length > 0 && names.length !== spec.inputs)
    throw new ChoraleError('invalid-input', `names: ${names.length} for ${spec.inputs} features`);
  return { 'xgboost.json': JSON.stringify(exportXgboost(spec, parameters, names)) };
}
