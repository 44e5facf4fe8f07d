import { afterEach, expect, it, vi } from 'vitest';
import { parseOptions } from './options.ts';

afterEach(() => vi.restoreAllMocks());

/** What is written before the program would exit. */
function written(stream: NodeJS.WriteStream, ...flags: string[]): string {
  const write = vi.spyOn(stream, 'write').mockReturnValue(true);
  vi.spyOn(process, 'exit').mockImplementation((code) => {
    throw new Error(`exit ${code}`);
  });
  expect(() => parseOptions(flags)).toThrow('exit');
  return write.mock.calls
    .map(([text]) => String(text))
    .join('')
    .replace(/\s+/g, ' ');
}

it('the help names the bounds that are held to', () => {
  const [, least, most] = /history, (\d+) to (\d+)/.exec(written(process.stdout, '--help')) ?? [];
  expect(parseOptions(['--devices', least!]).devices).toBe(Number(least));
  expect(parseOptions(['--devices', most!]).devices).toBe(Number(most));
  for (const count of [Number(least) - 1, Number(most) + 1])
    expect(written(process.stderr, '--devices', String(count))).toContain(`from ${least} to ${most}`);
});
