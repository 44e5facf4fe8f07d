/** The weather of a seed while faults last, and what the storm does by itself: power cuts, partitions, changes of mind. */

import { invariant } from '@chorale/shared';
import type { StoreOperation } from '@chorale/shared/adapters/node';
import { perfectLink, type SeededRandom } from '@chorale/shared/testing';
import { linkName } from '../world/coordinator.ts';
import type { ClockFault } from '../world/life.ts';
import type { Watch } from '../world/seen.ts';
import { fairWeather, type HttpFate, type Mishap, type Place, type Weather } from '../world/weather.ts';
import type { World } from '../world.ts';
import type { Climate, StoreFaults } from './climate.ts';
import type { People } from './people.ts';

export type StormOptions = { readonly climate: Climate; readonly random: SeededRandom; readonly watch: Watch };

/** Reading cannot tear, so a process dies of writes. */
const writes: ReadonlySet<StoreOperation> = new Set(['put', 'delete', 'batch', 'compareAndSet']);

export class Storm implements Weather {
  readonly #climate: Climate;
  readonly #random: SeededRandom;
  readonly #watch: Watch;
  #world: World | undefined;
  #people: People | undefined;
  #isRaging = false;
  #cancelGust: () => void = () => {};

  constructor({ climate, random, watch }: StormOptions) {
    this.#climate = climate;
    this.#random = random;
    this.#watch = watch;
  }

  rise(world: World, people: People): void {
    this.#world = world;
    this.#people = people;
    this.#isRaging = true;
    world.network.setFaults(this.#climate.link);
    this.#awaitGust();
  }

  /** Faults stop: links heal, and who is away comes back by itself. */
  calm(): void {
    const { network, devices } = this.#here();
    this.#isRaging = false;
    this.#cancelGust();
    network.setFaults(perfectLink);
    for (const { index } of devices) for (const link of this.#linksOf(index)) network.heal(link);
    this.#watch({ see: 'noted', who: 'network', what: 'the storm is over' });
  }

  // Weather

  storage(at: Place, operation: StoreOperation): Mishap | undefined {
    if (!this.#isRaging) return undefined;
    const mishap = this.#drawMishap(this.#storeFaults(at), operation);
    if (mishap !== undefined) this.#watch({ see: 'noted', who: at, what: `the medium ${mishap} (${operation})` });
    return mishap;
  }

  storageDelayMs(at: Place): number {
    return this.#isRaging ? this.#upTo(this.#storeFaults(at).mostDelayMs) : 0;
  }

  http(device: number): HttpFate {
    if (!this.#isRaging) return fairWeather.http(device);
    const { mostDelayMs, breakProbability } = this.#climate.http;
    const breaks = this.#happens(breakProbability) ? (this.#happens(0.5) ? 'before' : 'after') : undefined;
    if (breaks !== undefined) this.#watch({ see: 'noted', who: device, what: `a request breaks ${breaks} it arrives` });
    return { delayMs: this.#upTo(mostDelayMs), breaks };
  }

  leaves({ device }: { readonly device: number }): 'before' | 'after' | undefined {
    if (!this.#isRaging) return undefined;
    const { clock } = this.#here();
    const { crashAtTurn, withdrawalAtTurn } = this.#climate;
    if (this.#happens(withdrawalAtTurn)) clock.wakeAt(clock.now() + this.#upTo(50), () => this.#changeMind(device));
    if (!this.#happens(crashAtTurn)) return undefined;
    return this.#happens(0.5) ? 'before' : 'after';
  }

  falls(): boolean {
    return this.#isRaging && this.#happens(this.#climate.deathAtStep);
  }

  /** Clocks are off from the beginning, and off in another way after a restart. */
  clockFault(): ClockFault {
    const { mostSkewMs, mostDriftPerMille } = this.#climate;
    const within = (most: number) => (most === 0 ? 0 : this.#random.below(2 * most + 1) - most);
    return { skewMs: within(mostSkewMs), driftPerMille: within(mostDriftPerMille) };
  }

  awayMs(): number {
    return this.#isRaging ? this.#upTo(this.#climate.mostAwayMs) : 500;
  }

  // Gusts

  #awaitGust(): void {
    const { clock, devices } = this.#here();
    const { roundMs, partitionRate, crashRate, withdrawalRate, deathRate, retirementRate } = this.#climate;
    const kinds = [
      { rate: partitionRate * devices.length, blow: () => this.#partition(this.#anyDevice()) },
      { rate: crashRate * devices.length, blow: () => devices[this.#anyDevice()]!.crash() },
      { rate: withdrawalRate * devices.length, blow: () => this.#changeMind(this.#anyDevice()) },
      { rate: deathRate, blow: () => this.#here().coordinator.crash() },
      { rate: retirementRate, blow: () => this.#here().coordinator.retire() },
    ];
    const total = kinds.reduce((sum, { rate }) => sum + rate, 0);
    if (total === 0) return;
    const waitMs = Math.ceil((-Math.log(1 - this.#random.uniform()) * roundMs) / total);
    const chosen = choose(kinds, this.#random.uniform() * total);
    this.#cancelGust = clock.wakeAt(clock.now() + waitMs, () => {
      chosen.blow();
      this.#awaitGust();
    });
  }

  #partition(device: number): void {
    const { network } = this.#here();
    const links = this.#linksOf(device);
    for (const link of links) network.partition(link);
    this.#watch({ see: 'noted', who: device, what: 'is cut off' });
    this.#later(this.awayMs(), () => {
      for (const link of links) network.heal(link);
      this.#watch({ see: 'noted', who: device, what: 'can be reached again' });
    });
  }

  #changeMind(device: number): void {
    if (!this.#isRaging || !this.#people?.withdraw(device)) return;
    if (this.#happens(0.7)) this.#later(this.awayMs(), () => this.#people?.grant(device));
  }

  #later(ms: number, work: () => void): void {
    const { clock } = this.#here();
    clock.wakeAt(clock.now() + ms, () => this.#isRaging && work());
  }

  #linksOf(device: number): readonly string[] {
    return this.#here().devices[device]!.links.map(linkName);
  }

  // Chance

  /** A whole number from 0 to `most`. */
  draw(most: number): number {
    return this.#upTo(most);
  }

  #storeFaults(at: Place): StoreFaults {
    return at === 'coordinator' ? this.#climate.coordinatorStore : this.#climate.deviceStore;
  }

  #drawMishap({ refusal, death }: StoreFaults, operation: StoreOperation): Mishap | undefined {
    if (this.#happens(refusal)) return 'refuses';
    if (!writes.has(operation) || !this.#happens(death)) return undefined;
    return this.#happens(0.5) ? 'dies before' : 'dies after';
  }

  #happens(probability: number): boolean {
    return probability > 0 && this.#random.uniform() < probability;
  }

  #upTo(most: number): number {
    return most === 0 ? 0 : this.#random.below(most + 1);
  }

  #anyDevice(): number {
    return this.#random.below(this.#here().devices.length);
  }

  #here(): World {
    invariant(this.#world, 'a storm rises somewhere');
    return this.#world;
  }
}

type Gust = { readonly rate: number; readonly blow: () => void };

/** @param draw below the sum of the rates */
function choose(gusts: readonly Gust[], draw: number): Gust {
  let below = 0;
  for (const gust of gusts) {
    below += gust.rate;
    if (draw < below) return gust;
  }
  return gusts.at(-1)!;
}
