/**
 * What the coordinator says about its business: one function per event, so that a reader of this file knows everything
 * that a log can contain. No vector, seed, key, share or behaviour passes here; devices appear by six characters.
 */

import type { DeviceId, ErrorCode, ModelId, TaskId } from '@chorale/shared';

/** The part of a pino logger that is used. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  debug(fields: object, message: string): void;
}

export const silentLog: Log = { info() {}, warn() {}, error() {}, debug() {} };

export type Events = ReturnType<typeof createEvents>;

type RoundName = { readonly task: TaskId; readonly round: bigint };

export function createEvents(log: Log) {
  return {
    coordinatorStarted: (fields: { url: string; store: string }) => log.info(fields, 'coordinator started'),
    coordinatorStopped: () => log.info({}, 'coordinator stopped'),
    keysMade: () => log.info({}, 'keys made at first start'),

    taskCreated: (task: TaskId, algorithm: string) => log.info({ task, algorithm }, 'task created'),
    taskStateChanged: (task: TaskId, state: string) => log.info({ task, state }, 'task state changed'),

    deviceEnrolled: (task: TaskId, device: DeviceId) => log.debug({ task, device: short(device) }, 'device enrolled'),
    consentRecorded: (device: DeviceId, decision: string) =>
      log.debug({ device: short(device), decision }, 'consent recorded'),
    deviceConnected: (task: TaskId, device: DeviceId) => log.debug({ task, device: short(device) }, 'device connected'),
    deviceLeft: (task: TaskId, device: DeviceId) => log.debug({ task, device: short(device) }, 'device left'),
    messageRefused: (device: DeviceId, name: string, code: ErrorCode) =>
      log.debug({ device: short(device), name, code }, 'message refused'),

    roundOpened: (name: RoundName, invited: number) => log.info({ ...plain(name), invited }, 'round opened'),
    turnEntered: (name: RoundName, turn: string) => log.debug({ ...plain(name), turn }, 'turn entered'),
    roundCommitted: (name: RoundName, fields: { contributors: number; durationMs: number }) =>
      log.info({ ...plain(name), ...fields }, 'round committed'),
    roundAbandoned: (name: RoundName, reason: string) => log.warn({ ...plain(name), reason }, 'round abandoned'),
    devicesNamed: (name: RoundName, devices: readonly string[]) =>
      log.warn({ ...plain(name), devices: devices.map(short) }, 'devices broke the protocol'),

    releaseJudged: (task: TaskId, model: ModelId, fields: { mayRelease: boolean; objections: readonly string[] }) =>
      log.info({ task, model, ...fields }, 'release judged'),

    requestAnswered: (fields: { method: string; path: string; status: number }) =>
      log.debug(fields, 'request answered'),
    /** The stack says where; errors of ours never carry private data. */
    defectFound: (where: string, error: unknown) => log.error({ where, error: describe(error) }, 'defect'),
    storeRefused: (where: string) => log.error({ where }, 'the store refused'),
  };
}

function plain({ task, round }: RoundName): { task: TaskId; round: string } {
  return { task, round: round.toString() };
}

function short(device: string): string {
  return `${device.slice(0, 6)}…`;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : typeof error;
}
