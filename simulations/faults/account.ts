/** A readable account of what happened: who said what to whom and when. Never what was in it. */

import { type Clock, type Packet, utf8 } from '@chorale/shared';
import type { Ends, Seen } from '../world/seen.ts';

/** Lines kept: the last ones are what an account of a failure needs. */
const keptLines = 120;

export class Account {
  readonly #clock: Clock;
  readonly #onLine: (line: string) => void;
  readonly #startedAt: number;
  readonly #digest = new Digest();
  readonly #indexOf = new Map<string, number>();
  readonly counts: Record<string, number> = {};
  #lines: string[] = [];

  /** @param onLine told of every line */
  constructor(clock: Clock, onLine: (line: string) => void = () => {}) {
    this.#clock = clock;
    this.#onLine = onLine;
    this.#startedAt = clock.now();
  }

  note(seen: Seen): void {
    if (seen.see === 'sent' || seen.see === 'heard') this.#indexOf.set(seen.ends.device, seen.device);
    const line = `${this.#time()}  ${this.#tell(seen)}`;
    this.#digest.add(utf8(line));
    this.#digest.add(bodyOf(seen));
    this.#onLine(line);
    this.#lines.push(line);
    if (this.#lines.length > 2 * keptLines) this.#lines = this.#lines.slice(-keptLines);
    const kind = kindOf(seen);
    if (kind !== undefined) this.counts[kind] = (this.counts[kind] ?? 0) + 1;
  }

  get last(): readonly string[] {
    return this.#lines.slice(-keptLines);
  }

  get elapsedMs(): number {
    return this.#clock.now() - this.#startedAt;
  }

  /** Of everything that was seen, bytes included: two runs with one digest were one and the same. */
  get digest(): string {
    return this.#digest.text;
  }

  #time(): string {
    return `${(this.elapsedMs / 1000).toFixed(3).padStart(9)} s`;
  }

  #tell(seen: Seen): string {
    switch (seen.see) {
      case 'sent':
        return `device ${seen.device} says ${describe(seen.packet)}`;
      case 'heard':
        return `device ${seen.device} hears ${describe(seen.packet)}`;
      case 'pushed':
        return `coordinator tells ${this.#name(seen.ends)} ${describe(seen.packet)}`;
      case 'replied':
        return `coordinator answers ${this.#name(seen.ends)}: ${describe(seen.packet)} ${seen.reply.ok ? 'is taken' : `gets ${seen.reply.code}`}`;
      case 'asked':
        return `device ${seen.device} asks ${seen.method} ${seen.path}`;
      case 'answered':
        return `coordinator answers device ${seen.device}: ${seen.method} ${seen.path} gets ${seen.status}`;
      case 'step':
        return `round ${seen.moment.round} is ${seen.moment.at}`;
      case 'started':
      case 'died':
        return `${nameOf(seen.who)} has ${seen.see}`;
      case 'noted':
        return `${nameOf(seen.who)}: ${seen.what}`;
      case 'defect':
        return `${nameOf(seen.who)} has a defect or a refusal of its medium`;
    }
  }

  #name({ device }: Ends): string {
    const index = this.#indexOf.get(device);
    return index === undefined ? 'a device' : `device ${index}`;
  }
}

function describe({ name, header, body }: Packet): string {
  const { round, reason } = (header ?? {}) as { readonly round?: string; readonly reason?: string };
  const parts = [name, reason, round && `of round ${round}`, body && `(${body.length} B)`];
  return parts.filter((part) => part !== undefined).join(' ');
}

function bodyOf(seen: Seen): Uint8Array {
  return ('packet' in seen && seen.packet.body) || new Uint8Array(0);
}

function nameOf(who: number | string): string {
  return typeof who === 'number' ? `device ${who}` : who;
}

/** What is worth counting: that faults happen at all must be seen, or a good result means nothing. */
function kindOf(seen: Seen): string | undefined {
  if (seen.see === 'died') return seen.who === 'coordinator' ? 'coordinator deaths' : 'device crashes';
  if (seen.see === 'step') return seen.moment.at === 'reserved' ? 'rounds opened' : undefined;
  if (seen.see === 'sent') return seen.packet.name === 'masked-input' ? 'vectors sent' : undefined;
  if (seen.see !== 'noted') return undefined;
  if (seen.what.startsWith('the medium refuses')) return 'refused operations';
  if (seen.what.startsWith('the medium dies')) return 'deaths while writing';
  if (seen.what.startsWith('a request breaks')) return 'broken requests';
  if (seen.what.startsWith('is cut off')) return 'partitions';
  return seen.what === 'consent is withdrawn' ? 'withdrawals' : undefined;
}

/** Two 32-bit FNV-1a hashes (Fowler, Noll, Vo): they tell runs apart, and nobody tries to deceive them. */
class Digest {
  #low = 0x811c9dc5;
  #high = 0x01000193;

  add(bytes: Uint8Array): void {
    for (const byte of bytes) {
      this.#low = Math.imul(this.#low ^ byte, 0x01000193);
      this.#high = Math.imul(this.#high ^ byte, 0x85ebca6b);
    }
  }

  get text(): string {
    return [this.#high, this.#low].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }
}
