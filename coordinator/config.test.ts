import { ChoraleError } from '@chorale/shared';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { config, readConfig } from './config.ts';

const environment = {
  CHORALE_PORT: '2000',
  CHORALE_HOST: '10.0.0.2',
  CHORALE_STORE_DIR: '/two',
  CHORALE_LOG_LEVEL: 'warn',
};
const file = { port: 3000, host: '10.0.0.3', store: '/three', logLevel: 'error', rounds: { gatherMs: 7 } };

describe('configuration', () => {
  it('takes flags before the environment, that before the file, and that before defaults', () => {
    expect(readConfig({ port: '1000' }, file, environment)).toMatchObject({
      port: 1000,
      host: '10.0.0.2',
      rounds: { gatherMs: 7 },
    });
    expect(readConfig({}, file, environment)).toMatchObject({ port: 2000, store: '/two', logLevel: 'warn' });
    expect(readConfig({}, file, {})).toMatchObject({
      port: 3000,
      host: '10.0.0.3',
      store: '/three',
      logLevel: 'error',
    });
    expect(readConfig({}, undefined, {})).toMatchObject({
      port: 8080,
      host: '127.0.0.1',
      store: './chorale-store',
      logLevel: 'info',
    });
  });

  it('is frozen all the way down', () => {
    const parsed = readConfig({}, undefined, {});
    expect(() => Object.assign(parsed, { port: 1 })).toThrow(TypeError);
    expect(() => Object.assign(parsed.rounds, { gatherMs: 1 })).toThrow(TypeError);
  });

  it.each([
    [{ port: 'many' }, undefined],
    [{ port: '65536' }, undefined],
    [{}, { prot: 1 }],
    [{}, { rounds: { gatherMs: -1 } }],
    [{}, []],
    [{ logLevel: 'loud' }, undefined],
  ])('refuses %j with %j', (flags, file) => {
    expect(() => readConfig(flags, file, {})).toThrow(ChoraleError);
  });

  it.each([
    [{ port: 'abc' }, undefined, 'configuration: port: "abc": expected a number'],
    [{ port: '70000' }, undefined, 'configuration: port: "70000": Too big: expected number to be <=65535'],
    [{}, { rounds: { gatherMs: 'soon' } }, 'configuration: rounds.gatherMs: "soon": expected a number'],
    [{}, { prot: 1 }, 'configuration: the whole: Unrecognized key: "prot"'],
  ])('says what was wrong, and what was given: %j with %j', (flags, file, message) => {
    expect(() => readConfig(flags, file, {})).toThrow(message);
  });

  it('describes every setting', () => {
    const { properties } = z.toJSONSchema(config, { io: 'input' }) as { properties: Record<string, Settings> };
    const undescribed = Object.entries(properties).flatMap(([name, { description, properties }]) =>
      Object.entries(properties ?? { '': { description } }).flatMap(([inner, field]) =>
        field.description ? [] : [`${name}.${inner}`],
      ),
    );
    expect(undescribed).toEqual([]);
  });
});

type Settings = {
  readonly description?: string;
  readonly properties?: Record<string, { readonly description?: string }>;
};
