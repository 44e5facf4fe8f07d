/** The laboratory's commands, one file each under `commands/`. */

import { ChoraleError } from '@chorale/shared';
import { Command, CommanderError } from 'commander';
import { addAttackCommand } from './commands/attack.ts';
import { addAuditCommand } from './commands/audit.ts';
import type { AddCommand, LabOutput } from './commands/command.ts';
import { addDetectableEffectCommand } from './commands/detectable-effect.ts';
import { addEpsilonCommand } from './commands/epsilon.ts';
import { addExportCommand } from './commands/export.ts';
import { addInventCommand } from './commands/invent.ts';
import { addNoiseCommand } from './commands/noise.ts';
import { addParametersCommand } from './commands/parameters.ts';
import { addReproduceCommand } from './commands/reproduce.ts';
import { addSimulateCommand } from './commands/simulate.ts';

const commands: readonly AddCommand[] = [
  addParametersCommand,
  addEpsilonCommand,
  addNoiseCommand,
  addDetectableEffectCommand,
  addReproduceCommand,
  addSimulateCommand,
  addInventCommand,
  addAuditCommand,
  addAttackCommand,
  addExportCommand,
];

/** @returns the exit code: 0 good, 1 a run or a claim failed, 2 wrong usage */
export async function runLab(args: readonly string[], output: LabOutput): Promise<number> {
  try {
    await createLab(output).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    return exitCodeOf(error, output);
  }
}

function createLab(output: LabOutput): Command {
  const lab = new Command('lab')
    .description("Chorale's laboratory: choose parameters, simulate, measure.")
    // What stands behind a command is its own, also where a command above it has an option of that name.
    .enablePositionalOptions()
    .showHelpAfterError('Try --help for the options.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => output.result(text.trimEnd()),
      writeErr: (text) => output.notice(text.trimEnd()),
    });
  for (const add of commands) add(lab, output);
  return lab;
}

function exitCodeOf(error: unknown, output: LabOutput): number {
  // Commander has already said what was wrong; its exit code for help is 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  output.notice(`error: ${error instanceof Error ? error.message : String(error)}`);
  return error instanceof ChoraleError && error.code === 'invalid-input' ? 2 : 1;
}
