/** The shape of a sub-command of the laboratory. */

import type { Command } from 'commander';

/** Where a command writes: results are its product (stdout), notices its progress and complaints (stderr). */
export type LabOutput = { result(text: string): void; notice(text: string): void };

/** Registers one sub-command. */
export type AddCommand = (lab: Command, output: LabOutput) => void;
