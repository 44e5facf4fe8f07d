/** Everything that a device says to its coordinator and hears from it. Loaded when it is first needed. */

import { type Bytes, ChoraleError, type Store, type TaskId } from '@chorale/shared';
import { builtIn, clusterAt, type DensityMap, density, densityMap, registryOf } from '@chorale/shared/algorithms';
import { maxBroadcastBytes, routes, type TaskView } from '@chorale/shared/wire';
import { createHttp, type Http } from '../adapters/http.ts';
import type { EventLog } from '../behavior/event-log.ts';
import { consentedExamples } from '../behavior/examples.ts';
import { ownPlaces } from '../behavior/fold-secret.ts';
import type { Sources } from '../behavior/sources.ts';
import type { ChoraleNotices } from '../chorale.ts';
import type { BookEntry, ConsentBook } from '../consent/consent-book.ts';
import type { MembershipPorts } from '../enrolment/membership.ts';
import { Outbox } from '../enrolment/outbox.ts';
import { signWithdrawal } from '../enrolment/withdrawal.ts';
import type { Announcer } from '../notices.ts';
import type { ParsedOptions } from '../options.ts';
import { latestModel } from '../personalization/models.ts';
import type { Scorer } from '../personalization/scorer.ts';
import type { Ports } from '../ports.ts';
import { whyNotNow } from '../training/eligibility.ts';
import type { StopReason } from './outcome.ts';
import { type Offering, Participation } from './participation.ts';
import type { RoundPorts } from './prepare.ts';

export type ContactParts = {
  readonly options: ParsedOptions;
  readonly ports: Ports;
  readonly store: Store;
  readonly book: ConsentBook;
  readonly log: EventLog;
  readonly sources: Sources;
  readonly scorer: Scorer;
  readonly announcer: Announcer<ChoraleNotices>;
  readonly onError: (error: unknown) => void;
  readonly onTaskDone: () => void;
};

export class Contact {
  readonly #parts: ContactParts;
  readonly #membership: MembershipPorts;
  readonly #participation: Participation;
  /** Of tasks that are done: they change no more. */
  readonly #maps = new Map<TaskId, DensityMap>();

  constructor(parts: ContactParts) {
    const { options, ports, store, book, sources, announcer, onError } = parts;
    const { clock, random, crypto, transport } = ports;
    const { host, clientKey, rootKey, limits } = options;
    const algorithms = registryOf(...builtIn.values(), ...options.algorithms);
    const http = createHttp({ host, clientKey, fetch: ports.fetch, timeoutMs: limits.timeoutMs });
    this.#parts = parts;
    this.#membership = { store, http, clock, random, crypto, outbox: new Outbox(store, http) };
    this.#participation = new Participation({
      ...this.#membership,
      clientKey,
      rootKey,
      consent: book,
      transport,
      canAnswer: ({ examples, algorithm }) => sources.has(examples.source) && algorithms.has(algorithm),
      round: { ...this.#roundPorts(http), algorithms, onError },
      onRound: ({ id, name }, round, outcome) =>
        announcer.announce('round', { task: id, name, round: round.toString(), outcome }),
      onStop: (task, reason) => this.#afterStop(task, reason),
      onSuperseded: (task) => this.#askAgain(task),
      onError,
    });
  }

  /** Looks what there is, takes over newer models, and joins what the person agreed to. @throws ChoraleError */
  async refresh(): Promise<void> {
    const offering = await this.#participation.look();
    if (this.#parts.book.allows('scoring')) await this.#fetchModels(offering);
    await this.#participation.join(offering);
  }

  /** @throws ChoraleError */
  async cluster(name: string): Promise<number | undefined> {
    const { sources, log, ports } = this.#parts;
    const { tasks } = await this.#participation.look();
    const maps = tasks.filter(({ algorithm, state }) => algorithm === density.name && state === 'done');
    const task = maps.find(({ id }) => id === name) ?? maps.findLast((one) => one.name === name);
    if (task === undefined) return undefined;
    const features = sources.get(task.examples.source)?.current?.(log.events(), task.examples, ports.clock.now());
    const { http } = this.#membership;
    const map = this.#maps.get(task.id) ?? (await http.get(routes.result(task.id), densityMap));
    this.#maps.set(task.id, map);
    return features && clusterAt(map, features);
  }

  leaveRefused(): void {
    this.#participation.leaveRefused();
  }

  leaveAll(): void {
    this.#participation.leaveAll();
  }

  signWithdrawal(decision: BookEntry): Promise<void> {
    return signWithdrawal(decision, this.#membership);
  }

  /** @returns whether every word for the coordinator has arrived; never rejects */
  deliver(): Promise<boolean> {
    return this.#membership.outbox.deliver();
  }

  async #fetchModels({ tasks, keys }: Offering): Promise<void> {
    const { scorer, announcer, onError } = this.#parts;
    for (const task of tasks) {
      try {
        const known = scorer.modelOf(task.id);
        const model = await latestModel(task, known, keys, this.#membership);
        if (model === undefined) continue;
        scorer.learn(model);
        const { version, id } = model.manifest;
        if (id !== known?.manifest.id) announcer.announce('model', { task: task.id, name: task.name, version });
      } catch (error) {
        onError(error);
      }
    }
  }

  #roundPorts(http: Http): Omit<RoundPorts, 'clock' | 'crypto' | 'ledger' | 'algorithms' | 'onError'> {
    const { options, ports, store, book, log, sources } = this.#parts;
    const { floors, limits, training } = options;
    return {
      trainer: ports.trainer,
      floors,
      limits: { ...limits, taskWindowMs: limits.taskWindowSeconds * 1000 },
      roundSeed: ports.roundSeed,
      fetchBroadcast: (sha256): Promise<Bytes> => http.getBytes(routes.broadcast(sha256), maxBroadcastBytes),
      isEligible: async () =>
        whyNotNow(await ports.situation(), training) === undefined && ((await training.isEligible?.()) ?? true),
      async examples(query, purpose) {
        // Another tab may have taken the consent back.
        await book.load();
        const now = ports.clock.now();
        const placeOf = await ownPlaces(store, ports.random);
        return consentedExamples({
          purpose,
          allows: (one) => book.allows(one),
          events: log.events(),
          sources,
          query,
          now,
          placeOf,
        });
      },
    };
  }

  #afterStop(task: TaskView, reason: StopReason): void {
    if (reason === 'policy-superseded') this.#askAgain(task);
    else if (reason === 'task-done') this.#parts.onTaskDone();
    // Having given all that a promise allows is no error, and is asked about again at the next refresh.
    else if (reason !== 'left' && reason !== 'budget-exhausted')
      this.#parts.onError(new ChoraleError(reason, 'the coordinator has sent this device away'));
  }

  #askAgain({ id, purpose, consentPolicy: { language, text } }: TaskView): void {
    this.#parts.announcer.announce('superseded', { task: id, purpose, policy: { language, text } });
  }
}
