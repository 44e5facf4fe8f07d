/** SECURITY.md says what stops each attack and which test would notice: this holds it to the list that is really tried. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Mutation, mutations } from './mutations.ts';

const textOf = (file: string) => readFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), 'utf8');

/** One line of the table. */
function rowOf({ attack, defence, tests }: Mutation): string {
  const files = [...new Set(tests.map(({ file }) => file))];
  const named = files.map((file) => {
    const names = tests.filter((test) => test.file === file).map(({ name }) => `“${name}”`);
    return `\`${file.replace(/\.test\.ts$/, '')}\` ${names.join(', ')}`;
  });
  return `| ${attack} | ${defence} | ${named.join('; ')} | yes |`;
}

describe('the table of SECURITY.md', () => {
  const tried = textOf('SECURITY.md')
    .split('\n')
    .filter((line) => line.endsWith('| yes |'));

  it('holds every attack whose defence can be taken away, and no other', () => {
    expect(tried).toEqual(mutations.map(rowOf));
  });

  it.each(mutations)('speaks of code that is there: $attack, $defence', ({ edits }) => {
    for (const { file, replace } of edits) {
      // When the code changes, the mutation follows, and `npm run lab -- attack mutations --only …` tries it again.
      expect(textOf(file).split(replace).length - 1, `${file}: ${replace}`).toBe(1);
    }
  });
});
