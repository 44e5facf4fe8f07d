import { describe, expect, it } from 'vitest';
import { withRow } from './results-file.ts';

describe('a row of results', () => {
  it('begins a table where there is none, and goes under its last row where there is one', () => {
    const once = withRow('# Results\n\nWords.\n', '| a | `b` | 1 | c | 2 |\n');
    expect(once).toMatch(/^# Results\n\nWords\.\n\n\| result \|.*\n\|---.*\n\| a .*\n$/);
    const twice = withRow(`${once}\n## More\n`, '| d | `e` | 1 | f | 2 |\n');
    expect(twice).toMatch(/\| a .*\n\| d .*\n\n## More\n$/);
  });
});
