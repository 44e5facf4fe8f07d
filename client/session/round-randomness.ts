/** All randomness of a round from one 32-byte draw: whoever knows the seed can recompute the contribution bit for bit. */

import { type Bytes, bytes, concat, type Random, tag, u32 } from '@chorale/shared';
import { type CounterMode, hkdfMany, keystreamOf, portableCounterMode } from '@chorale/shared/crypto';

export const roundSeedBytes = 32;

export type RoundRandomness = {
  /** Orders the training batches. Each call starts the same draws anew. */
  readonly training: () => Random;
  /** Rounds and noises. Each call starts the same draws anew. */
  readonly encoding: () => Random;
  /** The secure-aggregation machine's own seed: 32 bytes. */
  readonly aggregation: Bytes;
};

const [trainingLabel, encodingLabel, aggregationLabel] = (['training', 'encoding', 'aggregation'] as const).map(
  (purpose) => tag(`chorale/round/${purpose}/v1`),
) as [Bytes, Bytes, Bytes];
const drawLabel = tag('chorale/draw/v1');
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
  let keys: readonly Bytes[] | undefined;
  const keysOnce = () => {
    // Many rounds draw nothing at all.
    keys ??= by.hkdfMany(seed, noSalt, [trainingLabel, encodingLabel], 32);
    return keys;
  };
  return {
    training: () => drawing(() => keysOnce()[0]!, by),
    encoding: () => drawing(() => keysOnce()[1]!, by),
    get aggregation() {
      return by.hkdfMany(seed, noSalt, [aggregationLabel], 32)[0]!;
    },
  };
}

/** Every draw has a keystream of its own, named by how many draws came before it. */
function drawing(keyOnce: () => Bytes, { encryptCounterMode, hkdfMany }: Derivation): Random {
  let draws = 0;
  return {
    bytes(length) {
      const [seed] = hkdfMany(keyOnce(), noSalt, [concat(drawLabel, u32(draws++))], 28);
      return encryptCounterMode(keystreamOf(seed!, zerosOf(length)));
    },
  };
}

let zeros = bytes(0);

/** Nobody writes to them: what is drawn is another memory. */
function zerosOf(length: number): Bytes {
  if (zeros.length < length) zeros = bytes(length);
  return zeros.subarray(0, length);
}
