/** The loops where a round spends its time: masks against the raw keystream, sums against a plain loop. */

import { nodeCrypto } from '@chorale/shared/adapters/node';
import type { CryptoJob } from '@chorale/shared/crypto';
import type { BenchGroup } from './measurement.ts';
import { costOf, keystream } from './raw-ciphers.ts';
import { leastOf } from './stopwatch.ts';

const streams = 200;

/** Expanding a mask and adding it, for many masks of one vector: key derivation, keystream, sum. */
export const kernelGroup: BenchGroup = async function* ({ isQuick, note }) {
  const provider = nodeCrypto();
  for (const words of [10_000, 100_000]) {
    note(`kernel: masks of ${words} words …`);
    const job = maskJobOf(words);
    const gigabytes = (4 * words * streams) / 1e9;
    const control = (4 * words) / 1e6 / (await costOf(keystream(4 * words)));
    const { cpuMs } = await leastOf(isQuick ? 3 : 10, () => provider.perform(job));
    const value = gigabytes / (cpuMs / 1000);
    yield { name: `kernel mask loop d=${words}`, value, unit: 'GB/s', control, against: 'raw AES-128-CTR keystream' };
  }
};

function maskJobOf(words: number): CryptoJob {
  return {
    do: 'mask',
    vector: new Uint32Array(words),
    salt: new Uint8Array(32),
    agreements: [],
    seeds: Array.from({ length: streams }, (_, i) => ({
      secret: new Uint8Array(32).fill(i),
      info: Uint8Array.of(i),
      sign: i % 2 === 0 ? 1 : -1,
    })),
  };
}
