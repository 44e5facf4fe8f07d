/** `npm run bench -- [group…] [--json] [--quick]`: how fast the parts are, against controls of the same run. */

import { Command, CommanderError } from 'commander';
import { cryptoGroup } from './crypto.ts';
import { encodeGroup } from './encode.ts';
import { featuresGroup } from './features.ts';
import { histogramGroup } from './histogram.ts';
import { kernelGroup } from './kernel.ts';
import { type BenchGroup, jsonLine, tableLine } from './measurement.ts';
import { predictorsGroup } from './predictors.ts';
import { secaggGroup } from './secagg.ts';
import { simulatorGroup } from './simulator.ts';
import { tfjsGroup } from './tfjs.ts';

const groups: Readonly<Record<string, BenchGroup>> = {
  kernel: kernelGroup,
  crypto: cryptoGroup,
  encode: encodeGroup,
  features: featuresGroup,
  secagg: secaggGroup,
  simulator: simulatorGroup,
  tfjs: tfjsGroup,
  histogram: histogramGroup,
  predictors: predictorsGroup,
};

type Options = { readonly json?: true; readonly quick?: true };

const bench = new Command('bench')
  .description('Measure the parts that must be fast, each against a control of the same run.')
  .argument('[group...]', `which groups: ${Object.keys(groups).join(', ')}; all unless said`)
  .option('--json', 'print one JSON object a line')
  .option('--quick', 'fewer repetitions, and only the cases that are soon done')
  .exitOverride()
  .action(run);

async function run(names: readonly string[], { json, quick }: Options): Promise<void> {
  const chosen = names.length === 0 ? Object.keys(groups) : names;
  const unknown = chosen.filter((name) => !(name in groups));
  if (unknown.length > 0) bench.error(`error: unknown group ${unknown.join(', ')}`, { exitCode: 2 });
  const note = (text: string) => process.stderr.write(`${text}\n`);
  for (const name of chosen) {
    for await (const measurement of groups[name]!({ isQuick: quick === true, note })) {
      process.stdout.write(`${json ? jsonLine(measurement) : tableLine(measurement)}\n`);
    }
  }
}

try {
  await bench.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
