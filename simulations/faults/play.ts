/** One seed from its first minute to its verdict: a storm in which the laws must hold, then a calm in which rounds must commit. */

import type { CryptoProvider } from '@chorale/shared/crypto';
import { seededRandom } from '@chorale/shared/testing';
import type { Seen } from '../world/seen.ts';
import { createWorld, type World, type WorldOptions } from '../world.ts';
import { Account } from './account.ts';
import { type Climate, drawClimate } from './climate.ts';
import { allLaws, type Law } from './laws/index.ts';
import { People } from './people.ts';
import { rememberingCrypto } from './remembering-crypto.ts';
import { drawScene, plainTrainer, type Scene } from './scene.ts';
import { Storm } from './storm.ts';

export type SeedReport = {
  readonly seed: number;
  readonly cohort: number;
  /** Of everything that happened; the same for the same seed. */
  readonly digest: string;
  /** Virtual. */
  readonly elapsedMs: number;
  readonly commits: { readonly stormy: number; readonly calm: number };
  /** From the end of the storm to the commits that were waited for; virtual. */
  readonly recoveryMs: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly failure: Failure | undefined;
};

export type Failure = {
  /** `liveness` where something did not come about although nothing went wrong any more. */
  readonly law: string;
  readonly what: string;
  /** The last that happened, oldest first. */
  readonly account: readonly string[];
};

export type PlayOptions = {
  /** Told all that happens, line by line. */
  readonly onLine?: (line: string) => void;
} & Partial<Plant>;

/** A bug, by which the simulator shows that it can fail. */
export type Plant = {
  /** In place of Node's own with a memory. */
  readonly crypto: CryptoProvider;
  /** What a device says in place of what it means to say. */
  readonly bend: NonNullable<WorldOptions['bend']>;
  /** Called when the world stands, before anything happens in it. */
  readonly spoil: (world: World) => void;
};

/** A device's longest back-off, and a look at the coordinator, and rounds that fail for what was left over. */
const calmMs = 1_200_000;

export async function playSeed(seed: number, options: PlayOptions = {}): Promise<SeedReport> {
  const random = seededRandom(`faults ${seed}`);
  const scene = drawScene(random.fork('scene'));
  const climate = drawClimate(random.fork('climate'));
  const court = new Court();
  const storm = new Storm({ climate, random: random.fork('storm'), watch: (seen) => court.hear(seen) });
  const world = await createWorld({
    ...{ seed: `faults ${seed}`, trainer: plainTrainer, weather: storm, watch: (seen) => court.hear(seen) },
    devices: scene.people.map((rows) => ({ rows })),
    refreshSeconds: climate.refreshSeconds,
    rounds: {
      inviteFactor: climate.inviteFactor,
      patienceMs: 2000,
      reconnectMs: 500,
      backOffMs: 500,
      maxBackOffMs: 8000,
      abandonedPerDay: 1_000_000,
    },
    crypto: options.crypto ?? rememberingCrypto(),
    ...(options.bend === undefined ? {} : { bend: options.bend }),
  });
  options.spoil?.(world);
  const people = new People(world, (seen) => court.hear(seen));
  const account = new Account(world.clock, options.onLine);
  court.open(account, allLaws({ world, people, scene }));
  await begin(world, scene);
  const play = { world, storm, people, court, climate, spare: scene.spare };
  const stormy = await rage(play);
  const { recoveryMs, isMissing } = await recover(play);
  await court.conclude();
  // Said last: where safety is broken too, that is what matters.
  court.complain('liveness', isMissing);
  // Nobody says goodbye: what is not finished is forgotten with the world.
  return {
    ...{ seed, cohort: scene.cohort, elapsedMs: account.elapsedMs, digest: account.digest, recoveryMs },
    commits: { stormy, calm: court.commits - stormy },
    counts: account.counts,
    failure: court.failure,
  };
}

type Play = {
  readonly world: World;
  readonly storm: Storm;
  readonly people: People;
  readonly court: Court;
  readonly climate: Climate;
  /** Devices that nobody needs. */
  readonly spare: number;
};

async function begin({ coordinator, devices }: World, { task }: Scene): Promise<void> {
  await coordinator.running!.tasks.create(task);
  for (const { client } of devices) void client?.refresh();
}

/** @returns how many rounds committed in spite of everything */
async function rage({ world, storm, people, court, climate }: Play): Promise<number> {
  const { clock } = world;
  if (!climate.risesAtOnce) await world.runUntil(() => court.rounds > 0 || court.failure !== undefined, calmMs);
  const endsAt = clock.now() + climate.stormMs;
  storm.rise(world, people);
  clock.wakeAt(endsAt, () => {});
  await world.runUntil(
    () => court.failure !== undefined || court.rounds > climate.stormRounds || clock.now() >= endsAt,
    climate.stormMs,
  );
  storm.calm();
  return court.commits;
}

type Recovery = { readonly recoveryMs: number; readonly isMissing?: string | undefined };

async function recover({ world, people, court, spare, storm }: Play): Promise<Recovery> {
  if (court.failure !== undefined) return { recoveryMs: 0 };
  const { clock } = world;
  const [calmAt, goal] = [clock.now(), court.commits + (storm.draw(3) === 0 ? 2 : 1)];
  clock.wakeAt(calmAt + calmMs, () => {});
  /** @returns whether it came true in time */
  const comes = async (isTrue: () => boolean): Promise<boolean> => {
    await world.runUntil(() => court.failure !== undefined || isTrue() || clock.now() >= calmAt + calmMs, calmMs);
    return isTrue();
  };
  const mostRefusals = storm.draw(spare);
  const persuade = () => void (people.persuade(mostRefusals) || clock.wakeAt(clock.now() + 1000, persuade));
  persuade();
  const hasCommitted = await comes(() => court.commits >= goal);
  const recoveryMs = clock.now() - calmAt;
  if (!hasCommitted) return { recoveryMs, isMissing: 'no further round commits, although nothing goes wrong any more' };
  await pause(world);
  const areHeard = await comes(() => people.areHeard(world.coordinator));
  return { recoveryMs, isMissing: areHeard ? undefined : 'a withdrawal does not come to the coordinator' };
}

/** Further rounds would cost time and show nothing new. */
async function pause({ coordinator }: World): Promise<void> {
  for (const { id } of (await coordinator.running?.tasks.all()) ?? []) await coordinator.running?.tasks.pause(id);
}

/** Hears everything, and keeps the first complaint. */
class Court {
  commits = 0;
  rounds = 0;
  failure: Failure | undefined;
  #laws: readonly Law[] = [];
  #account: Account | undefined;

  open(account: Account, laws: readonly Law[]): void {
    this.#laws = laws;
    this.#account = account;
  }

  hear(seen: Seen): void {
    if (seen.see === 'step' && seen.moment.at === 'committed') this.commits++;
    if (seen.see === 'step' && seen.moment.at === 'reserved') this.rounds++;
    this.#account?.note(seen);
    for (const law of this.#laws) this.#judge(law, () => law.judge?.(seen));
  }

  async conclude(): Promise<void> {
    for (const law of this.#laws) this.complain(law.name, await law.conclude?.());
  }

  complain(law: string, what: string | undefined): void {
    if (what === undefined || this.failure !== undefined) return;
    this.failure = { law, what, account: this.#account?.last ?? [] };
  }

  /** A law that cannot make sense of what it sees has not been kept. What it throws must not reach those it watches. */
  #judge(law: Law, judgement: () => string | undefined): void {
    try {
      this.complain(law.name, judgement());
    } catch (error) {
      this.complain(law.name, `cannot be judged: ${error instanceof Error ? error.stack : error}`);
    }
  }
}
