/** From named vectors to words: clipping and rounding, with and without noise, against a plain loop that rounds. */

import { systemRandom } from '@chorale/shared/adapters/node';
import { chooseEncoding, decode, encode } from '@chorale/shared/encoding';
import type { BenchGroup } from './measurement.ts';
import { leastOf } from './stopwatch.ts';

const dimension = 100_000;
const layout = [{ name: 'update', length: dimension, clipNorm: 1 }] as const;

export const encodeGroup: BenchGroup = async function* ({ isQuick, note }) {
  note(`encode: ${dimension} coordinates …`);
  const encoding = chooseEncoding(layout, { mechanism: 'none', maxDevices: 1000 });
  const update = Float32Array.from({ length: dimension }, (_, i) => Math.sin(i) / 1000);
  const random = systemRandom();
  const runs = isQuick ? 3 : 10;
  const control = perSecond((await leastOf(runs, () => roundPlainly(update, encoding.inverseGrid))).cpuMs);
  const against = 'a plain loop: scale, round';
  for (const [name, noiseVariance] of [
    ['encode', 0n],
    ['encode with noise', 96n ** 2n],
  ] as const) {
    const { cpuMs } = await leastOf(runs, () => encode({ update }, encoding, { random, noiseVariance }));
    yield { name: `${name} d=${dimension}`, value: perSecond(cpuMs), unit: '1/s', control, against };
  }
  const sum = encode({ update }, encoding, { random, noiseVariance: 0n });
  const { cpuMs } = await leastOf(runs, () => decode(sum, encoding, { contributors: 1, noiseVariance: 0n }));
  yield { name: `decode d=${dimension}`, value: perSecond(cpuMs), unit: '1/s', control, against };
};

/** Coordinates a second. */
function perSecond(ms: number): number {
  return (1000 * dimension) / ms;
}

function roundPlainly(values: Float32Array, inverseGrid: number): Int32Array {
  const rounded = new Int32Array(values.length);
  for (let i = 0; i < values.length; i++) rounded[i] = Math.round(values[i]! * inverseGrid);
  return rounded;
}
