/** A coordinator's store as its next start will find it, read while no process has it open. */

import { fromBase64url, fromUtf8, hex, type StoreEntry } from '@chorale/shared';
import { type SignedReceipt, signedReceipt } from '@chorale/shared/consent';
import { sha256 } from '@chorale/shared/crypto';
import { type ModelManifest, modelManifest, type RoundView, roundView } from '@chorale/shared/wire';
import { z } from 'zod';

const task = z.looseObject({
  id: z.string(),
  roundsCommitted: z.number(),
  roundsAbandoned: z.number(),
  modelVersions: z.number(),
  latestModel: z.string().optional(),
});
const learningState = z.looseObject({ round: z.number(), parameters: z.string() });

/** What never changes again once it was written. */
const permanent = /^(meta|device|receipt|model|model-id|round-id|transcript|parameters|api-key|answered)\//;

export class Kept {
  readonly #entries: ReadonlyMap<string, Uint8Array>;

  constructor(entries: readonly StoreEntry[]) {
    this.#entries = new Map(entries.map(({ key, value }) => [key, value]));
  }

  /** By version. */
  models(task: string): ModelManifest[] {
    return this.#under(`model/${task}/`).map((text) => modelManifest.parse(JSON.parse(text)));
  }

  /** By number. */
  rounds(task: string): RoundView[] {
    return this.#under(`round/${task}/`).map((text) => roundView.parse(JSON.parse(text)));
  }

  /** As their devices signed them. */
  receipts(): SignedReceipt[] {
    return this.#under('receipt/').map((text) => signedReceipt.parse(JSON.parse(text)));
  }

  keys(prefix: string): string[] {
    return [...this.#entries.keys()].filter((key) => key.startsWith(prefix));
  }

  /** Records that must be found again, as they are, for ever: closed rounds among them. */
  permanent(): ReadonlyMap<string, string> {
    const isClosed = (key: string, value: Uint8Array) =>
      key.startsWith('round/') && JSON.parse(fromUtf8(value)).state !== 'open';
    const lasting = [...this.#entries].filter(([key, value]) => permanent.test(key) || isClosed(key, value));
    return new Map(lasting.map(([key, value]) => [key, hex(value)]));
  }

  /**
   * What a commit that was written only in part would leave behind.
   *
   * @returns sentences; none where everything fits
   */
  contradictions(id: string): string[] {
    const of = task.parse(this.#json(`task/${id}`));
    const state = learningState.parse(this.#json(`task/${id}/state`));
    const rounds = this.rounds(id);
    const models = this.models(id);
    const committed = rounds.filter((round) => round.state === 'committed');
    const abandoned = rounds.filter((round) => round.state === 'abandoned');
    const open = rounds.filter((round) => round.state === 'open');
    const numbers = rounds.map(({ number }) => BigInt(number));
    const latest = models.at(-1);
    const claims: Readonly<Record<string, boolean>> = {
      'round numbers grow': numbers.every((number, i) => i === 0 || number > numbers[i - 1]!),
      'only the last round may be open': open.length === 0 || (open.length === 1 && open[0] === rounds.at(-1)),
      'the task counts its committed rounds': of.roundsCommitted === committed.length,
      'the task counts its abandoned rounds': of.roundsAbandoned === abandoned.length,
      'the learning has seen each committed round': state.round === committed.length,
      'every commit made a model': same(
        models.map(({ round }) => round),
        committed.map((round) => round.id),
      ),
      'every commit names its model': same(
        committed.map(({ model }) => model),
        models.map((model) => model.id),
      ),
      'versions have no gaps':
        models.every(({ version }, i) => version === i + 1) && of.modelVersions === models.length,
      'the task names its latest model': of.latestModel === latest?.id,
      'every model has its parameters': models.every((model) => this.#hasParameters(model)),
      'the learning goes on from the latest model': latest === undefined || this.#isModelOf(state, latest),
      'who committed has a transcript, and nobody else': same(
        this.keys('transcript/').sort(),
        committed.map((round) => `transcript/${round.id}`).sort(),
      ),
    };
    return Object.entries(claims).flatMap(([claim, isTrue]) => (isTrue ? [] : [`not true: ${claim}`]));
  }

  #hasParameters({ parametersSha256 }: ModelManifest): boolean {
    const parameters = this.#entries.get(`parameters/${parametersSha256}`);
    return parameters !== undefined && hex(sha256(parameters)) === parametersSha256;
  }

  #isModelOf({ parameters }: z.infer<typeof learningState>, { parametersSha256 }: ModelManifest): boolean {
    return hex(sha256(fromBase64url(parameters))) === parametersSha256;
  }

  #under(prefix: string): string[] {
    return this.keys(prefix).map((key) => fromUtf8(this.#entries.get(key)!));
  }

  #json(key: string): unknown {
    return JSON.parse(fromUtf8(this.#entries.get(key) ?? new Uint8Array()));
  }
}

function same(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}
