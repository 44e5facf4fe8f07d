/** Puts the parts of a device together: memory, consent, scores, and taking part in what the coordinator does. */

import { ChoraleError, fromUtf8, readU32, type Store, utf8 } from '@chorale/shared';
import type { PlaceOf } from '@chorale/shared/algorithms';
import { type Decision, type Purpose, policyVersion, purposes } from '@chorale/shared/consent';
import { type EventProperties, parseEvent } from '@chorale/shared/features';
import { EventLog } from './behavior/event-log.ts';
import { type Sources, sourcesOf } from './behavior/sources.ts';
import type { Chorale, ChoraleNotices, TrackOptions } from './chorale.ts';
import { type BookEntry, ConsentBook } from './consent/consent-book.ts';
import { Announcer, type Listener } from './notices.ts';
import type { ParsedOptions } from './options.ts';
import { keptModels } from './personalization/models.ts';
import { type Explanation, type Score, Scorer } from './personalization/scorer.ts';
import type { Ports } from './ports.ts';
import {
  type PersonData,
  type PrivacyReport,
  readIdentities,
  readManifests,
  readReceipts,
  summarize,
  wipe,
} from './privacy/person-data.ts';
import type { Contact } from './session/contact.ts';
import { TrainingLedger } from './training/ledger.ts';

const dayMs = 86_400_000;
const personKey = 'person';
/** After a task is done, its successor is not far. */
const soonMs = 2_000;
const deliveryMs = 5_000;

export function composeClient(options: ParsedOptions, ports: Ports): Chorale {
  return new Client(options, ports);
}

class Client implements Chorale {
  readonly #options: ParsedOptions;
  readonly #ports: Ports;
  readonly #announcer = new Announcer<ChoraleNotices>();
  readonly #book: ConsentBook;
  readonly #log: EventLog;
  readonly #sources: Sources;
  readonly #scorer: Scorer;
  #store: Promise<Store> | undefined;
  #person: string | undefined;
  #loading: Promise<void> | undefined;
  #starting: Promise<void> | undefined;
  #refreshing: Promise<void> = Promise.resolve();
  #contact: Promise<Contact> | undefined;
  #cancelRefresh: () => void = () => {};
  #cancelExpiry: () => void = () => {};
  #isClosed = false;
  #isReachable = false;

  constructor(options: ParsedOptions, ports: Ports) {
    const { clock, random } = ports;
    const { consent, limits, sources } = options;
    this.#options = options;
    this.#ports = ports;
    const undecided = consent.default === 'pending' ? 'pending' : 'unknown';
    const isRefusedBySignal = () => consent.honorGPC && ports.isRefusedBySignal();
    this.#book = new ConsentBook({ undecided, isRefusedBySignal }, { clock, store: this.#openStore });
    this.#log = new EventLog(
      {
        maxEvents: limits.maxEvents,
        maxPending: limits.maxPendingEvents,
        retentionMs: limits.retentionDays * dayMs,
      },
      { clock, store: this.#openStore, onError: this.#fail, firstNumber: readU32(random.bytes(4), 0) * 200 },
    );
    this.#sources = sourcesOf(this.#log, sources);
    this.#scorer = new Scorer({
      log: this.#log,
      sources: this.#sources,
      hasConsent: () => this.#book.allows('scoring'),
      now: () => clock.now(),
      staleAfterMs: limits.staleAfterDays * dayMs,
    });
    this.#log.permit(this.#book.permission());
    if (this.#startsByItself) queueMicrotask(() => void this.#start());
  }

  // Behaviour

  track(name: string, properties: EventProperties = {}, { at, tzOffsetMinutes }: TrackOptions = {}): void {
    if (this.#isClosed) return;
    try {
      const when = at ?? this.#ports.clock.now();
      const zone = tzOffsetMinutes ?? -new Date(when).getTimezoneOffset();
      const event = parseEvent({ at: when, tzOffsetMinutes: zone, name, properties });
      const kept = this.#options.beforeStore === undefined ? event : this.#options.beforeStore(event);
      if (kept !== undefined) this.#log.add(kept === event ? event : parseEvent(kept));
    } catch (error) {
      this.#fail(error);
    }
  }

  page(properties?: EventProperties, options?: TrackOptions): void {
    this.track('page', properties, options);
  }

  identify(person: string): void {
    if (this.#person !== undefined && this.#person !== person) this.reset();
    this.#person = person;
    void this.#keepPerson();
  }

  reset(): void {
    this.#person = undefined;
    this.#log.forgetAll();
    void this.#keepPerson();
  }

  score(task: string): Score {
    return this.#scorer.score(task);
  }

  explain(task: string): Explanation {
    return this.#scorer.explain(task);
  }

  async ownPlaces(): Promise<PlaceOf | undefined> {
    await this.#load();
    if (this.#isClosed || this.#book.permission() !== 'granted') return undefined;
    const { ownPlaces } = await import('./behavior/fold-secret.ts');
    return this.#read((store) => ownPlaces(store, this.#ports.random), undefined);
  }

  async cluster(task: string): Promise<number | undefined> {
    await this.#load();
    if (this.#isClosed || !this.#book.allows('scoring')) return undefined;
    try {
      return await (await this.#reach()).cluster(task);
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  // Consent

  readonly consent: Chorale['consent'] = {
    grant: (about, { policy, expiresAt } = {}) =>
      this.#decide(about, 'granted', {
        ...(policy === undefined ? {} : { policy: policyVersion(policy) }),
        ...(expiresAt === undefined ? {} : { expiresAt }),
      }),
    deny: (about = purposes) => this.#decide(about, 'denied'),
    withdraw: (about = purposes) => this.#decide(about, 'withdrawn'),
    state: () => this.#book.states(),
    receipts: () => this.#read(readReceipts, []),
  };

  /** Counts at once; the promise is about its being written down and signed. */
  async #decide(about: readonly Purpose[], choice: Decision, terms: Pick<BookEntry, 'policy' | 'expiresAt'> = {}) {
    if (about.length === 0 || this.#isClosed) return;
    const written = this.#book.decide(about, choice, terms);
    this.#obeyConsent();
    await this.#attempt(async () => {
      const entry = await written;
      await this.#load();
      if (choice !== 'granted') return this.#takeBack(entry);
      if (this.#startsByItself) void this.refresh();
    });
  }

  async #takeBack(decision: BookEntry): Promise<void> {
    const contact = await this.#reach();
    await contact.signWithdrawal(decision);
    void contact.deliver();
  }

  #obeyConsent(): void {
    this.#log.permit(this.#book.permission());
    void this.#contact?.then((contact) => contact.leaveRefused(), this.#fail);
    void this.#keepPerson();
    this.#watchExpiry();
    this.#announcer.announce('consent', this.#book.states());
  }

  /** A grant can end while nothing happens. */
  #watchExpiry(): void {
    this.#cancelExpiry();
    const at = this.#book.nextExpiry();
    if (at !== undefined && !this.#isClosed)
      this.#cancelExpiry = this.#ports.clock.wakeAt(at, () => this.#obeyConsent());
  }

  // Life

  async ready({ timeoutMs = 3_000 }: { readonly timeoutMs?: number } = {}): Promise<boolean> {
    const { clock } = this.#ports;
    let cancel = () => {};
    const late = new Promise<boolean>((resolve) => {
      cancel = clock.wakeAt(clock.now() + timeoutMs, () => resolve(false));
    });
    const started = this.#start().then(() => true);
    return Promise.race([started, late]).finally(() => cancel());
  }

  get isReachable(): boolean {
    return this.#isReachable;
  }

  on<Name extends keyof ChoraleNotices>(name: Name, listener: Listener<ChoraleNotices[Name]>) {
    return this.#announcer.on(name, listener);
  }

  refresh(): Promise<void> {
    this.#refreshing = this.#refreshing.then(() => this.#attempt(() => this.#refreshNow()));
    return this.#refreshing;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelRefresh();
    this.#cancelExpiry();
    await this.#attempt(async () => {
      (await this.#contact)?.leaveAll();
      await this.#log.flush();
      if (this.#ports.ownsStore) await (await this.#store)?.close();
    });
    // What was still under way finds everything gone: that is no news.
    this.#announcer.close();
  }

  // What the person may ask for

  readonly privacy: Chorale['privacy'] = {
    export: () => this.#exportAll(),
    erase: () => this.#eraseAll(),
    report: () => this.#report(),
  };

  async #exportAll(): Promise<PersonData> {
    await this.#load();
    const ledger = async (store: Store) => new TrainingLedger(store, this.#ports.clock).readable();
    return {
      exportedAt: this.#ports.clock.now(),
      person: this.#person,
      consent: this.#book.states(),
      receipts: await this.#read(readReceipts, []),
      events: this.#log.events(),
      rounds: await this.#read(ledger, []),
      identities: await this.#read(readIdentities, []),
      models: await this.#read(readManifests, []),
    };
  }

  async #report(): Promise<PrivacyReport> {
    await this.#load();
    const entries = await this.#read((store) => new TrainingLedger(store, this.#ports.clock).readable(), []);
    const given = summarize(entries, this.#options.limits, this.#ports.clock.now());
    return { consent: this.#book.states(), events: this.#log.length, ...given };
  }

  async #eraseAll(): Promise<boolean> {
    const isToBeSaid = purposes.some((purpose) => this.#book.allows(purpose));
    if (isToBeSaid) await this.#decide(purposes, 'withdrawn');
    const wasHeard = await this.#deliverInTime();
    await this.#attempt(async () => {
      (await this.#contact)?.leaveAll();
      await this.#log.flush();
      await wipe(await this.#openStore());
    });
    this.#log.clear();
    this.#book.clear();
    this.#scorer.clear();
    this.#person = undefined;
    this.#obeyConsent();
    return wasHeard;
  }

  /** Nobody's wish to be forgotten waits for a coordinator that is away. */
  async #deliverInTime(): Promise<boolean> {
    const { clock } = this.#ports;
    let cancel = () => {};
    const late = new Promise<boolean>((resolve) => {
      cancel = clock.wakeAt(clock.now() + deliveryMs, () => resolve(false));
    });
    // Whatever is joining by a grant just withdrawn takes that back itself, and has to leave its words first.
    const delivered = this.#refreshing
      .then(() => this.#reach())
      .then(
        (contact) => contact.deliver(),
        () => false,
      );
    return Promise.race([delivered, late]).finally(() => cancel());
  }

  // Start and refresh

  get #startsByItself(): boolean {
    return this.#options.training.autoStart ?? this.#ports.startsByItself;
  }

  #start(): Promise<void> {
    this.#starting ??= (async () => {
      await this.#load();
      if (this.#startsByItself) await this.refresh();
      if (!this.#isClosed) this.#announcer.announce('ready', undefined);
    })();
    return this.#starting;
  }

  /** What earlier visits have left. Never rejects: a device without a store still tracks and scores. */
  #load(): Promise<void> {
    this.#loading ??= this.#loadAll().catch((error: unknown) => {
      // Whoever needs it next tries again: a consent that was not read would be none for as long as the app runs.
      this.#loading = undefined;
      this.#fail(error);
    });
    return this.#loading;
  }

  async #loadAll(): Promise<void> {
    const store = await this.#openStore();
    const person = await store.get(personKey);
    if (person !== undefined) this.#person ??= fromUtf8(person);
    await this.#book.load();
    this.#obeyConsent();
    await this.#log.load();
    for (const model of await keptModels(store)) this.#scorer.learn(model);
  }

  async #refreshNow(): Promise<void> {
    await this.#load();
    if (this.#isClosed) return;
    this.#scheduleRefresh(this.#options.limits.refreshSeconds * 1000);
    await this.#attempt(() => this.#book.settle());
    const contact = await this.#reach();
    this.#isReachable = await contact.refresh().then(
      () => true,
      (error: unknown) => {
        this.#fail(error);
        return false;
      },
    );
  }

  #scheduleRefresh(afterMs: number): void {
    const { clock, random } = this.#ports;
    this.#cancelRefresh();
    if (!this.#startsByItself || this.#isClosed) return;
    const spread = 0.9 + (0.2 * readU32(random.bytes(4), 0)) / 2 ** 32;
    this.#cancelRefresh = clock.wakeAt(clock.now() + Math.ceil(afterMs * spread), () => void this.refresh());
  }

  /** Everything that speaks to the coordinator is loaded when it is first needed. */
  #reach(): Promise<Contact> {
    this.#contact ??= this.#makeContact();
    return this.#contact;
  }

  async #makeContact(): Promise<Contact> {
    const [{ Contact }, store] = await Promise.all([import('./session/contact.ts'), this.#openStore()]);
    return new Contact({
      options: this.#options,
      ports: this.#ports,
      store,
      book: this.#book,
      log: this.#log,
      sources: this.#sources,
      scorer: this.#scorer,
      announcer: this.#announcer,
      onError: this.#fail,
      onTaskDone: () => this.#scheduleRefresh(soonMs),
    });
  }

  // Parts

  /** Opened on first use; a store that could not be opened is tried again by the next who needs it. */
  readonly #openStore = (): Promise<Store> => {
    this.#store ??= this.#ports.openStore().catch((error: unknown) => {
      this.#store = undefined;
      throw error;
    });
    return this.#store;
  };

  async #keepPerson(): Promise<void> {
    await this.#attempt(async () => {
      const isAllowed = this.#book.permission() === 'granted' && !this.#isClosed;
      if (this.#person !== undefined && isAllowed) await (await this.#openStore()).put(personKey, utf8(this.#person));
      else if (this.#loading !== undefined) await (await this.#openStore()).delete(personKey);
    });
  }

  async #read<Found>(from: (store: Store) => Promise<Found>, nothing: Found): Promise<Found> {
    try {
      return await from(await this.#openStore());
    } catch (error) {
      this.#fail(error);
      return nothing;
    }
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#fail(error);
    }
  }

  readonly #fail = (error: unknown): void => {
    const said =
      error instanceof ChoraleError ? error : new ChoraleError('internal', 'a defect of the client', { cause: error });
    this.#announcer.announce('error', said);
  };
}
