import { utf8 } from '@chorale/shared';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { parseRecord } from './records.ts';

const schema = z.object({ word: z.string() });

describe('a stored record', () => {
  it('is read as its schema says', () => {
    expect(parseRecord(schema, { key: 'a', value: utf8('{"word":"hush"}') })).toEqual({ word: 'hush' });
  });

  it.each([
    ['broken JSON', utf8('hush-secret')],
    ['cut short', utf8('{"word":"hush-secret')],
    ['of another shape', utf8('{"secret":"hush-secret"}')],
    ['not text', new Uint8Array([0xff, 0x68, 0x75, 0x73, 0x68])],
  ])('that is damaged (%s) is named by its key and never quoted', (_, value) => {
    let thrown: unknown;
    try {
      parseRecord(schema, { key: 'meta/keyring', value });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toEqual(new Error('invariant: the stored record meta/keyring is not readable'));
    expect((thrown as Error).cause).toBeUndefined();
  });
});
