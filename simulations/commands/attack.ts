/** `lab attack`: what an adversary gets, and what stands in its way. */

import { createTfjsTrainer } from '@chorale/client/training';
import type { Command } from 'commander';
import { MutatedTree } from '../attacks/adapters/mutated-tree.ts';
import { type InversionReport, invertUpdates } from '../attacks/inversion.ts';
import { type Mutation, mutations } from '../attacks/mutations.ts';
import type { LabOutput } from './command.ts';
import { addPoisoning } from './poisoning.ts';
import { decimal, wholeNumber } from './privacy-options.ts';

export function addAttackCommand(lab: Command, output: LabOutput): void {
  const attack = lab.command('attack').description('Attacks, and what each of them gets.');
  addInversion(attack, output);
  addMutations(attack, output);
  addPoisoning(attack, output);
}

type InversionFlags = {
  readonly victims: number;
  readonly cohort: number;
  readonly epsilon: number;
  readonly seed: string;
  readonly json?: true;
};

function addInversion(attack: Command, output: LabOutput): void {
  attack
    .command('inversion')
    .description("Compute one person's features from an update: alone, in a sum, in a sum with noise.")
    .option('--victims <count>', 'people attacked, each in a round of its own', wholeNumber, 16)
    .option('--cohort <count>', 'devices in one sum', wholeNumber, 32)
    .option('--epsilon <loss>', 'what the noise lets one round cost a device, at delta 1e-5', decimal, 1)
    .option('--seed <text>', 'people, models and noise follow from it', 'inversion')
    .option('--json', 'print one JSON object')
    .action(async ({ json, ...options }: InversionFlags) => {
      const reports = await invertUpdates({ ...options, trainer: await createTfjsTrainer({ backend: 'cpu' }) });
      output.result(json ? JSON.stringify({ ...options, reports }) : inversionTable(reports));
    });
}

function inversionTable(reports: readonly InversionReport[]): string {
  const head = ['model', 'examples', 'seen', 'devices', 'error', 'cosine', 'recovered'];
  const rows = reports.map(({ model, examples, seen, devices, relativeError, cosine, recovered, victims }) => [
    ...[model, String(examples), seen, String(devices)],
    ...[relativeError.toPrecision(3), cosine.toFixed(3), `${recovered} of ${victims}`],
  ]);
  return [
    aligned([head, ...rows]),
    '',
    'error: median of ‖guess − features‖ ÷ ‖features‖; recovered: to within 1 %. The best guess of each attack counts,',
    'so compare with the sum that the victim is not in.',
  ].join('\n');
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function addMutations(attack: Command, output: LabOutput): void {
  attack
    .command('mutations')
    .description('Take away one defence after the other, in a copy of the sources, and see which tests notice.')
    .option('--only <words>', 'attacks and defences with these words')
    .option('--json', 'print one JSON object')
    .action(async ({ only = '', json }: { readonly only?: string; readonly json?: true }) => {
      const chosen = mutations.filter(({ attack, defence }) => `${attack}: ${defence}`.includes(only));
      const tried = await tryAll(chosen, output);
      const missed = tried.filter(({ failed }) => failed.length === 0);
      if (json) output.result(JSON.stringify({ tried }));
      else output.result(`${tried.length - missed.length} of ${tried.length} lost defences are noticed`);
      if (missed.length > 0) throw new Error(`not noticed: ${missed.map(({ defence }) => defence).join('; ')}`);
    });
}

type Tried = Pick<Mutation, 'attack' | 'defence'> & {
  /** The tests that noticed. */
  readonly failed: readonly string[];
  /** Why it could not be tried. */
  readonly problem?: string;
};

async function tryAll(chosen: readonly Mutation[], output: LabOutput): Promise<readonly Tried[]> {
  const tree = await MutatedTree.copy();
  const tried: Tried[] = [];
  try {
    for (const mutation of chosen) {
      const { attack, defence } = mutation;
      const result = await tree.try(mutation).catch((error: Error) => ({ failed: [], problem: error.message }));
      tried.push({ attack, defence, ...result });
      output.notice(`${result.failed.length > 0 ? 'noticed' : 'NOT NOTICED'}  ${attack}: without “${defence}”`);
      if ('problem' in result) output.notice(`  ${result.problem}`);
    }
  } finally {
    await tree.remove();
  }
  return tried;
}
