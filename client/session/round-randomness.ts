/** All randomness of a round from one 32-byte draw: whoever knows the seed can recompute the contribution bit for bit. */

import { type Bytes, bytes, type Random, readU32, tag, writeU32 } from '@chorale/shared';
import { type CounterMode, hkdfMany, keystreamOf, portableCounterMode } from '@chorale/shared/crypto';

export const roundSeedBytes = 32;

export type RoundRandomness = {
  /** Orders the training batches. Each call starts the same draws anew. */
  training(): Random;
  /** Rounds and noises. Each call starts the same draws anew. */
  encoding(): Random;
  /** The secure-aggregation machine's own seed: 32 bytes. */
  readonly aggregation: Bytes;
};

const [trainingLabel, encodingLabel, aggregationLabel] = (['training', 'encoding', 'aggregation'] as const).map(
  (purpose) => tag(`chorale/round/${purpose}/v2`),
) as [Bytes, Bytes, Bytes];
const noSalt = bytes(0);

/** The primitives that all randomness of a round is derived by: AES-128-CTR and HKDF-SHA-256. */
export type Derivation = {
  readonly encryptCounterMode: (mode: CounterMode) => Bytes;
  readonly hkdfMany: typeof hkdfMany;
};

const portable: Derivation = { encryptCounterMode: portableCounterMode, hkdfMany };

/**
 * @param seed 32 secret bytes, drawn anew for every round
 * @param by a platform's own primitives, which give the same bytes sooner
 */
export function roundRandomness(seed: Bytes, by: Derivation = portable): RoundRandomness {
  return new Derived(seed, by);
}

/** A class and not closures: a laboratory makes one for every device of every round. */
class Derived implements RoundRandomness {
  readonly #seed: Bytes;
  readonly #by: Derivation;
  #seeds: readonly Bytes[] | undefined;

  constructor(seed: Bytes, by: Derivation) {
    this.#seed = seed;
    this.#by = by;
  }

  training(): Random {
    return new Draws(this, 0, this.#by);
  }

  encoding(): Random {
    return new Draws(this, 1, this.#by);
  }

  get aggregation(): Bytes {
    return this.#by.hkdfMany(this.#seed, noSalt, [aggregationLabel], 32)[0]!;
  }

  /** Key and nonce of a purpose. Many rounds draw nothing at all. */
  keystreamSeed(purpose: 0 | 1): Bytes {
    this.#seeds ??= this.#by.hkdfMany(this.#seed, noSalt, [trainingLabel, encodingLabel], 28);
    return this.#seeds[purpose]!;
  }
}

/** Where in a seed the nonce begins. */
const nonceAt = 16;

/** Every draw has a keystream of its own: to the nonce is added how many draws came before it. */
class Draws implements Random {
  readonly #of: Derived;
  readonly #purpose: 0 | 1;
  readonly #by: Derivation;
  #draws = 0;

  constructor(of: Derived, purpose: 0 | 1, by: Derivation) {
    this.#of = of;
    this.#purpose = purpose;
    this.#by = by;
  }

  bytes(length: number): Bytes {
    const seed = this.#of.keystreamSeed(this.#purpose).slice();
    writeU32(seed, nonceAt, readU32(seed, nonceAt) + this.#draws++);
    return this.#by.encryptCounterMode(keystreamOf(seed, zerosOf(length)));
  }
}

let zeros = bytes(0);

/** Nobody writes to them: what is drawn is another memory. */
function zerosOf(length: number): Bytes {
  if (zeros.length < length) zeros = bytes(length);
  return zeros.subarray(0, length);
}
