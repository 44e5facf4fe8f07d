/** Models: a signed manifest per version, and parameters that live under their hash for ever. */

import {
  type Bytes,
  base64url,
  ChoraleError,
  floatsToBytes,
  hex,
  invariant,
  type ModelId,
  newId,
  type RoundId,
  type StoreWrite,
  type TaskId,
} from '@chorale/shared';
import type { LearnedModel } from '@chorale/shared/algorithms';
import { sha256 } from '@chorale/shared/crypto';
import { type AuditClaim, auditClaim, type PrivacyClaim } from '@chorale/shared/privacy';
import { type ModelManifest, modelManifest, modelText, parseInput } from '@chorale/shared/wire';
import * as z from 'zod';
import type { Keyring } from '../auth/keyring.ts';
import { sign } from '../auth/signatures.ts';
import type { Ports } from '../ports.ts';
import { claimOf } from '../privacy/claim.ts';
import { storeKeys } from '../store/keys.ts';
import { type Page, type PageQuery, readPage } from '../store/pages.ts';
import { putRecord, readRecord } from '../store/records.ts';
import { type Task, task } from '../tasks/task.ts';

export interface Models {
  /** @throws ChoraleError `not-found` */
  get(id: ModelId): Promise<ModelManifest>;
  /** What devices score with. @throws ChoraleError `not-found` before the first commit, or the first release */
  latest(task: TaskId): Promise<ModelManifest>;
  page(task: TaskId, query: PageQuery): Promise<Page<ModelManifest>>;
  /** Little-endian float32. @throws ChoraleError `not-found` */
  parameters(sha256: string): Promise<Bytes>;
  /**
   * Puts what an audit found on the card, in the place of an earlier one, and signs the manifest again.
   *
   * @param input an `auditClaim`
   * @throws ChoraleError `not-found`, `invalid-input`, `conflict` for an audit of another promise than the model's
   */
  attachAudit(id: ModelId, input: unknown): Promise<ModelManifest>;
  /** The next version of a task's model, signed, and the writes that publish it. */
  prepare(request: NextModel): Promise<{ manifest: ModelManifest; writes: readonly StoreWrite[] }>;
}

export type NextModel = {
  /** As it stands after the round, but for this model. */
  readonly task: Task;
  readonly learned: LearnedModel;
  readonly round: RoundId;
  /** Merkle root over the receipts behind the round, in hexadecimal. */
  readonly receiptsRoot: string;
};

const pointer = z.object({ task: z.string(), version: z.number() });

export function createModels(ports: Ports, keyring: Keyring): Models {
  const { store, clock, random, crypto } = ports;
  const get = async (id: ModelId): Promise<ModelManifest> => {
    const found = await readRecord(store, storeKeys.modelById(id), pointer);
    if (!found) throw new ChoraleError('not-found', 'there is no such model');
    const manifest = await readRecord(store, storeKeys.model(found.task as TaskId, found.version), modelManifest);
    invariant(manifest, 'a named model is there');
    return manifest;
  };
  const signed = async (manifest: Omit<ModelManifest, 'signature'>): Promise<ModelManifest> => {
    const signature = await sign(crypto, keyring.planKey.secretKey, modelText(manifest));
    return { ...manifest, signature: base64url(signature) };
  };
  return {
    get,

    async latest(id) {
      const of = await readRecord(store, storeKeys.task(id), task);
      if (of?.latestModel === undefined) throw new ChoraleError('not-found', 'this task has no model yet');
      return get(of.latestModel);
    },

    page: (id, query) => readPage(store, `model/${id}`, modelManifest, query),

    async parameters(name) {
      const found = /^[0-9a-f]{64}$/.test(name) ? await store.get(storeKeys.parameters(name)) : undefined;
      if (!found) throw new ChoraleError('not-found', 'there are no such parameters');
      return found;
    },

    async attachAudit(id, input) {
      const audit = parseInput(auditClaim, input, 'audit');
      const before = await get(id);
      checkAudit(audit, before.card.privacy);
      const manifest = await signed({ ...before, card: { ...before.card, audit } });
      await store.batch([putRecord(storeKeys.model(manifest.task, manifest.version), manifest)]);
      return manifest;
    },

    async prepare(request) {
      const now = clock.now();
      const parameters = floatsToBytes(request.learned.parameters);
      const unsigned = describe(request, newId('model', now, random), new Date(now).toISOString(), parameters);
      const manifest = await signed(unsigned);
      const { task, version } = manifest;
      const writes: readonly StoreWrite[] = [
        putRecord(storeKeys.model(task, version), manifest),
        putRecord(storeKeys.modelById(manifest.id), { task, version }),
        { do: 'put', key: storeKeys.parameters(manifest.parametersSha256), value: parameters },
      ];
      return { manifest, writes };
    },
  };
}

/** An audit speaks of models with the same noise in as many rounds; of others it proves nothing. */
function checkAudit({ noiseMultiplier: z, delta, participations }: AuditClaim, claim: PrivacyClaim): void {
  if (claim.mechanism === 'none')
    throw new ChoraleError('conflict', 'audit: the model was trained without noise: there is no promise to refute');
  const { numerator, denominator } = claim.noiseMultiplier;
  const isSame = z === numerator / denominator && delta === claim.delta && participations === claim.participations;
  if (isSame) return;
  const own = `noise multiplier ${numerator / denominator}, ${claim.participations} participations, δ = ${claim.delta}`;
  throw new ChoraleError('conflict', `audit: of another promise; this model's is ${own}`);
}

function describe(
  { task, learned, round, receiptsRoot }: NextModel,
  id: ModelId,
  createdAt: string,
  parameters: Bytes,
): Omit<ModelManifest, 'signature'> {
  const { spec, standardization } = learned;
  return {
    id,
    task: task.id,
    version: task.modelVersions + 1,
    createdAt,
    round,
    spec,
    ...(standardization === undefined ? {} : { standardization }),
    examples: task.examples,
    parameterCount: learned.parameters.length,
    parametersSha256: hex(sha256(parameters)),
    card: {
      privacy: claimOf(task),
      consentPolicySha256: task.consentPolicy.sha256,
      receiptsRoot,
    },
  };
}
