/** Models on the device: fetched by hash, believed by signature, kept for the next visit. */

import {
  type Bytes,
  base64url,
  bytesToFloats,
  ChoraleError,
  type Clock,
  floatsToBytes,
  fromBase64url,
  hex,
  type Instant,
  type Store,
  type TaskId,
} from '@chorale/shared';
import { type CryptoProvider, sha256 } from '@chorale/shared/crypto';
import {
  areParametersOf,
  type ModelSpec,
  modelSpec,
  type Standardization,
  standardization,
} from '@chorale/shared/models';
import { type ModelManifest, modelManifest, modelText, parseInput, routes, type TaskView } from '@chorale/shared/wire';
import * as z from 'zod/mini';
import type { Http } from '../adapters/http.ts';
import type { CoordinatorKeys } from '../enrolment/keys.ts';
import { encodeRecord, readRecords } from '../store-records.ts';

/** A model that this device can score with. */
export type DeviceModel = {
  readonly task: TaskId;
  /** The task's name, by which an app asks for scores. */
  readonly name: string;
  readonly manifest: ModelManifest;
  readonly spec: ModelSpec;
  readonly standardization: Standardization | undefined;
  readonly parameters: Float32Array;
  /** When the coordinator last said that this is its latest. */
  readonly confirmedAt: Instant;
};

export type ModelPorts = {
  readonly store: Store;
  readonly http: Http;
  readonly crypto: CryptoProvider;
  readonly clock: Clock;
};

const stored = z.strictObject({
  name: z.string(),
  manifest: modelManifest,
  parameters: z.string(),
  confirmedAt: z.int(),
});

/** What earlier visits have kept. */
export async function keptModels(store: Pick<Store, 'range'>): Promise<readonly DeviceModel[]> {
  const records = await readRecords(store, 'model', stored);
  return records.flatMap(({ record: { name, manifest, parameters, confirmedAt } }) => {
    try {
      return modelOf(manifest, fromBase64url(parameters), { name, confirmedAt });
    } catch {
      return [];
    }
  });
}

/**
 * The latest model of a task, from the coordinator where the device has an older one.
 *
 * @throws ChoraleError `unauthorized` for a model that the plan key has not signed, `invalid-input` for one that is not
 * what its manifest says
 */
export async function latestModel(
  task: TaskView,
  known: DeviceModel | undefined,
  keys: CoordinatorKeys,
  ports: ModelPorts,
): Promise<DeviceModel | undefined> {
  if (task.latestModel === undefined) return known;
  const confirmedAt = ports.clock.now();
  if (known?.manifest.id === task.latestModel) return keep({ ...known, name: task.name, confirmedAt }, ports.store);
  const manifest = await ports.http.get(routes.model(task.latestModel), modelManifest);
  await verify(manifest, task, keys, ports);
  const parameters = await fetchParameters(manifest, ports.http);
  return keep(modelOf(manifest, parameters, { name: task.name, confirmedAt }), ports.store);
}

async function verify(
  manifest: ModelManifest,
  task: TaskView,
  keys: CoordinatorKeys,
  ports: ModelPorts,
): Promise<void> {
  const { planKey } = keys;
  const now = ports.clock.now();
  const mayServe = planKey.tasks.includes(task.id) && now >= planKey.notBefore && now <= planKey.notAfter;
  const signature = {
    publicKey: planKey.key,
    message: modelText(manifest),
    signature: fromBase64url(manifest.signature),
  };
  const result = await ports.crypto.perform({ do: 'verifyMany', signatures: [signature] });
  const isSigned = result.did === 'verifyMany' && result.valid[0] === true;
  if (mayServe && isSigned && manifest.task === task.id) return;
  throw new ChoraleError('unauthorized', 'the model is not signed by the pinned coordinator');
}

async function fetchParameters({ parametersSha256, parameterCount }: ModelManifest, http: Http): Promise<Bytes> {
  const parameters = await http.getBytes(routes.parameters(parametersSha256), 4 * parameterCount);
  if (hex(sha256(parameters)) === parametersSha256) return parameters;
  throw new ChoraleError('invalid-input', 'the parameters are not those that the manifest names');
}

/** @throws ChoraleError `invalid-input` where spec, standardisation and parameters do not fit each other */
function modelOf(
  manifest: ModelManifest,
  parameterBytes: Bytes,
  { name, confirmedAt }: Pick<DeviceModel, 'name' | 'confirmedAt'>,
): DeviceModel {
  const spec = parseInput(modelSpec, manifest.spec, 'model');
  const scaling = parseInput(z.optional(standardization), manifest.standardization, 'standardization');
  const isFitting =
    parameterBytes.length % 4 === 0 &&
    areParametersOf(spec, bytesToFloats(parameterBytes)) &&
    (scaling?.mean.length ?? spec.inputs) === spec.inputs;
  if (!isFitting) throw new ChoraleError('invalid-input', 'the model does not fit its own description');
  const parameters = bytesToFloats(parameterBytes);
  return { task: manifest.task, name, manifest, spec, standardization: scaling, parameters, confirmedAt };
}

async function keep(model: DeviceModel, store: Store): Promise<DeviceModel> {
  const { name, manifest, confirmedAt } = model;
  const parameters = base64url(floatsToBytes(model.parameters));
  await store.put(`model/${model.task}`, encodeRecord({ name, manifest, parameters, confirmedAt }));
  return model;
}
