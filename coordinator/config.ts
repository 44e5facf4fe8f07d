/** What an operator may set: flag > environment > `chorale.config.json` > default. Parsed once, then frozen. */

import { ChoraleError } from '@chorale/shared';
import * as z from 'zod';

/** As flags and the environment give numbers: in text. */
const numeric = () =>
  z.coerce.number({ error: ({ code }) => (code === 'invalid_type' ? 'expected a number' : undefined) }).int();
const milliseconds = numeric().min(0).max(86_400_000);

export const roundConfig = z.strictObject({
  inviteFactor: z.number().min(1).max(4).default(1.3).describe('Devices invited per place in the cohort'),
  gatherMs: milliseconds
    .default(200)
    .describe('Wait after enough devices have checked in, so that not only the fastest are chosen'),
  patienceMs: milliseconds.default(10_000).describe('Wait before a round starts with fewer invitations than wished'),
  reconnectMs: milliseconds.default(1000).describe('How long a lost connection may take to come back within a turn'),
  backOffMs: milliseconds.default(1000).describe('Pause after an abandoned round; doubles with each one in a row'),
  maxBackOffMs: milliseconds.default(300_000).describe('Longest pause after abandoned rounds'),
  abandonedPerDay: z
    .number()
    .int()
    .min(1)
    .default(200)
    .describe('Abandoned rounds per task and UTC day, since each costs its devices budget'),
});
export type RoundConfig = z.infer<typeof roundConfig>;

export const limitConfig = z.strictObject({
  requestsPerMinute: z
    .number()
    .int()
    .min(1)
    .default(12_000)
    .describe('REST requests per address; a whole shop floor may share one'),
  connectionsPerMinute: z.number().int().min(1).default(6000).describe('New sockets per address'),
  packetsPerMinute: z.number().int().min(1).default(600).describe('Messages per device'),
  bodyBytes: z.number().int().min(1024).default(1_048_576).describe('Longest JSON body'),
  packetBytes: z.number().int().min(4096).default(67_108_864).describe('Longest message on a socket'),
});
export type LimitConfig = z.infer<typeof limitConfig>;

export const config = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('Address to listen on'),
  port: numeric().min(0).max(65_535).default(8080).describe('Port to listen on; 0 takes any free one'),
  store: z.string().min(1).default('./chorale-store').describe('Directory of the store'),
  logLevel: z.enum(['silent', 'error', 'warn', 'info', 'debug']).default('info').describe('What is logged'),
  workers: z.number().int().min(0).max(64).default(2).describe('Threads for cryptography; 0 works in the main thread'),
  rounds: roundConfig.prefault({}),
  limits: limitConfig.prefault({}),
});
export type Config = Readonly<z.infer<typeof config>>;

const environmentNames = {
  CHORALE_HOST: 'host',
  CHORALE_PORT: 'port',
  CHORALE_STORE_DIR: 'store',
  CHORALE_LOG_LEVEL: 'logLevel',
} as const;

/**
 * @param flags what the command line said; undefined members were not given
 * @param file the parsed `chorale.config.json`, or undefined
 * @throws ChoraleError `invalid-input` that names the first wrong setting
 */
export function readConfig(
  flags: Readonly<Record<string, unknown>>,
  file: unknown,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Config {
  if (file !== undefined && (typeof file !== 'object' || file === null || Array.isArray(file)))
    throw new ChoraleError('invalid-input', 'configuration: the file must hold one JSON object');
  const settings = { ...(file ?? {}), ...fromEnvironment(environment), ...given(flags) };
  const parsed = config.safeParse(settings);
  if (parsed.success) return deepFreeze(parsed.data);
  const { path, message } = parsed.error.issues[0]!;
  const where = path.length === 0 ? 'the whole' : `${path.join('.')}: ${JSON.stringify(settingAt(settings, path))}`;
  throw new ChoraleError('invalid-input', `configuration: ${where}: ${message}`);
}

function settingAt(settings: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], settings);
}

function fromEnvironment(environment: Readonly<Record<string, string | undefined>>): Record<string, unknown> {
  const named = Object.entries(environmentNames).map(([variable, name]) => [name, environment[variable] || undefined]);
  return given(Object.fromEntries(named));
}

function given(settings: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

function deepFreeze<Value extends object>(value: Value): Value {
  for (const member of Object.values(value)) if (typeof member === 'object' && member !== null) deepFreeze(member);
  return Object.freeze(value);
}
