/** All randomness of a round from one 32-byte draw: whoever knows the seed can recompute the contribution bit for bit. */

import { type Bytes, bytes, concat, type Random, tag, u32, wordsToBytes } from '@chorale/shared';
import { hkdf, portableKeystream } from '@chorale/shared/crypto';

export const roundSeedBytes = 32;

export type RoundRandomness = {
  /** Orders the training batches. Each call starts the same draws anew. */
  readonly training: () => Random;
  /** Rounds and noises. Each call starts the same draws anew. */
  readonly encoding: () => Random;
  /** The secure-aggregation machine's own seed: 32 bytes. */
  readonly aggregation: Bytes;
};

/** @param seed 32 secret bytes, drawn anew for every round */
export function roundRandomness(seed: Bytes): RoundRandomness {
  return {
    training: randomOf(() => keyOf(seed, 'training')),
    encoding: randomOf(() => keyOf(seed, 'encoding')),
    aggregation: keyOf(seed, 'aggregation'),
  };
}

function keyOf(seed: Bytes, label: string): Bytes {
  return hkdf(seed, bytes(0), tag(`chorale/round/${label}/v1`), 32);
}

/** Every draw has a keystream of its own, named by how many draws came before it. Many rounds draw nothing at all. */
function randomOf(keyOnce: () => Bytes): () => Random {
  const label = tag('chorale/draw/v1');
  let key: Bytes | undefined;
  return () => {
    let draws = 0;
    return {
      bytes(length) {
        key ??= keyOnce();
        const seed = hkdf(key, bytes(0), concat(label, u32(draws++)), 28);
        return wordsToBytes(portableKeystream(seed, Math.ceil(length / 4))).slice(0, length);
      },
    };
  };
}
