/** `simulations/RESULTS.md`: what was measured, by which command, from which commit. */

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export type ResultRow = {
  /** What was found, in figures. */
  readonly result: string;
  /** As a reader would type it. */
  readonly command: string;
  readonly seeds: string;
  readonly seconds: number;
};

const here = dirname(fileURLToPath(import.meta.url));
const resultsPath = join(here, '..', 'RESULTS.md');

const heading = `# Results

Each row was written by the command that it names (\`--write\`). A commit with a + had uncommitted changes beside it.
`;
const tableHead = '| result | command | seeds | commit | seconds |\n|---|---|---|---|---|\n';

/** Adds rows under the table's last one; makes the file or the table where there is none. */
export async function appendResult(...rows: readonly ResultRow[]): Promise<void> {
  const [text, from] = [await readFile(resultsPath, 'utf8').catch(() => heading), await commit()];
  await writeFile(
    resultsPath,
    rows.reduce((longer, row) => withRow(longer, lineOf(row, from)), text),
  );
}

/** @param line one row of the table, with its line end */
export function withRow(text: string, line: string): string {
  const table = text.indexOf(tableHead);
  if (table < 0) return `${text.trimEnd()}\n\n${tableHead}${line}`;
  const rows = table + tableHead.length;
  const end = /^(?:\|.*\n)*/.exec(text.slice(rows))![0].length;
  return text.slice(0, rows + end) + line + text.slice(rows + end);
}

function lineOf({ result, command, seeds, seconds }: ResultRow, from: string): string {
  return `| ${result} | \`${command}\` | ${seeds} | ${from} | ${Math.round(seconds)} |\n`;
}

async function commit(): Promise<string> {
  const git = async (...args: readonly string[]) =>
    (await promisify(execFile)('git', args, { cwd: here })).stdout.trim();
  try {
    const [head, changes] = [await git('rev-parse', '--short', 'HEAD'), await git('status', '--porcelain')];
    return changes === '' ? head : `${head}+`;
  } catch {
    return 'unknown';
  }
}
