/** The composition root: builds the coordinator from its parts, without HTTP, sockets or a process around it. */

import { base64url, ChoraleError, type DeviceId, type TaskId } from '@chorale/shared';
import { builtIn, type Registry } from '@chorale/shared/algorithms';
import { type Keyring, openKeyring } from './auth/keyring.ts';
import { keyRoutes } from './auth/routes.ts';
import { type LimitConfig, limitConfig, type RoundConfig, roundConfig } from './config.ts';
import { type Consents, createConsents } from './consent/consents.ts';
import { statusRoutes } from './console/routes.ts';
import { createDevices, type Devices } from './devices/enrolment.ts';
import { deviceRoutes } from './devices/routes.ts';
import { createEvents, type Log, silentLog } from './events.ts';
import { healthRoutes } from './http/health.ts';
import type { Route } from './http/route.ts';
import { createModels, type Models } from './models/models.ts';
import { createReleases } from './models/releases.ts';
import { modelRoutes } from './models/routes.ts';
import type { Ports } from './ports.ts';
import { type Accounts, createAccounts } from './privacy/accounts.ts';
import type { Desk } from './realtime/device-session.ts';
import type { Link, LinkSession } from './realtime/link.ts';
import { createSessions, type Sessions } from './realtime/sessions.ts';
import { Broadcasts, broadcastRoutes } from './rounds/broadcasts.ts';
import { abandonRound } from './rounds/commit.ts';
import type { Moment } from './rounds/open-round.ts';
import { createRounds, type Rounds } from './rounds/rounds.ts';
import { roundRoutes } from './rounds/routes.ts';
import { TaskRounds } from './rounds/task-rounds.ts';
import { Queue } from './store/queue.ts';
import { taskRoutes } from './tasks/routes.ts';
import type { Task } from './tasks/task.ts';
import { createTasks, type Tasks } from './tasks/tasks.ts';

export type CoordinatorOptions = Omit<Ports, 'events'> & {
  readonly log?: Log;
  /** The algorithms that tasks may name; the built-in ones unless said. */
  readonly registry?: Registry;
  readonly rounds?: Partial<RoundConfig>;
  readonly limits?: Partial<LimitConfig>;
  /** For tests and the laboratory: called at each step of a round after which a coordinator might be killed. */
  readonly onMoment?: (moment: Moment) => void;
};

/** Everything that the routes and sockets reach, so that a laboratory can do without them. */
export interface Coordinator {
  readonly ports: Ports;
  readonly limits: LimitConfig;
  readonly keyring: Keyring;
  readonly tasks: Tasks;
  readonly devices: Devices;
  readonly consents: Consents;
  readonly models: Models;
  readonly rounds: Rounds;
  readonly sessions: Sessions;
  readonly routes: readonly Route[];
  /** Takes a device's connection: its caller reports packets and the close, and carries what is pushed. */
  connect(link: Link): LinkSession;
  /** Abandons open rounds, sends devices away and writes nothing afterwards. The store and the provider stay open. */
  stop(): Promise<void>;
}

/** Opens what the store holds, abandons rounds that another process left open, and waits for devices. */
export async function createCoordinator(options: CoordinatorOptions): Promise<Coordinator> {
  const { store, clock, random, crypto, log = silentLog, registry = builtIn, onMoment = () => {} } = options;
  const ports: Ports = { store, clock, random, crypto, events: createEvents(log) };
  const limits = limitConfig.parse(options.limits ?? {});
  const config = roundConfig.parse(options.rounds ?? {});
  const keyring = await openKeyring(ports);
  const queue = new Queue();
  const byTask = new Map<TaskId, TaskRounds>();

  const accounts = createAccounts(store);
  const tasks = createTasks({ ports, registry, queue, accounts, onChange: (task) => follow(task) });
  const consents = createConsents({
    ports,
    tasks,
    queue,
    onRefusal: async (task, id) => byTask.get(task.id)?.withdraw(id),
  });
  const devices = createDevices({ ports, keyring, tasks, consents, accounts, queue });
  const models = createModels(ports, keyring);
  const rounds = createRounds(ports);
  const broadcasts = new Broadcasts();
  const sessions = createSessions(
    ports,
    createDesk({ byTask, devices, consents, accounts, tasks }),
    limits.packetsPerMinute,
  );

  const bar = async (task: TaskId, id: DeviceId) => {
    await devices.bar(id);
    await byTask.get(task)?.withdraw(id);
  };
  const parts = {
    ...{ ports, keyring, rounds, broadcasts, tasks, models, accounts, config },
    ...{ devices: sessions, bar, onMoment },
  };
  const follow = (task: Task) => {
    const known = byTask.get(task.id);
    if (known) known.follow(task);
    else byTask.set(task.id, new TaskRounds(task, parts));
  };

  for (const task of await tasks.all()) {
    follow(await tasks.settle(await abandonLeftOpen(task, { ports, tasks, rounds })));
  }

  const status = {
    ...{ tasks, rounds },
    now: () => clock.now(),
    connectedCount: (task: TaskId) => sessions.connectedCount(task),
    waitingCount: (task: TaskId) => byTask.get(task)?.waitingCount ?? 0,
  };
  return {
    ...{ ports, limits, keyring, tasks, devices, consents, models, rounds, sessions },
    routes: [
      ...statusRoutes(status),
      ...healthRoutes(ports),
      ...keyRoutes(keyring, () => [...byTask.keys()]),
      ...taskRoutes(tasks),
      ...roundRoutes(rounds),
      ...broadcastRoutes(broadcasts),
      ...modelRoutes(models, createReleases({ ports, tasks, models })),
      ...deviceRoutes(devices, consents),
    ],
    connect: (link) => sessions.connect(link),
    async stop() {
      await Promise.all([...byTask.values()].map((taskRounds) => taskRounds.stop()));
      sessions.closeAll('the coordinator is stopping');
    },
  };
}

/** A round whose process died cannot go on: its devices' masks are single-use and its secrets are gone. */
async function abandonLeftOpen(task: Task, parts: { ports: Ports; tasks: Tasks; rounds: Rounds }): Promise<Task> {
  const last = await parts.rounds.last(task.id);
  if (last?.state !== 'open') return task;
  return abandonRound(parts, last, { reason: 'coordinator restarted' });
}

type DeskParts = {
  readonly byTask: ReadonlyMap<TaskId, TaskRounds>;
  readonly devices: Devices;
  readonly consents: Consents;
  readonly accounts: Accounts;
  readonly tasks: Tasks;
};

/** Leads what devices say on their connections to the part that it concerns. */
function createDesk({ byTask, devices, consents, accounts, tasks }: DeskParts): Desk {
  const roundsOf = async (id: TaskId): Promise<TaskRounds> => byTask.get(id) ?? refuseUnknown(await tasks.get(id));
  return {
    deviceOf: (task, id) => devices.ofTask(task, id),
    checkConsent: async (task, id) => void (await consents.check((await roundsOf(task)).task, id)),
    async checkIn(session, { device, day }, lastRound) {
      const rounds = await roundsOf(session.task);
      if (rounds.task.state === 'running' && !(await accounts.mayGive(rounds.task, device)))
        throw new ChoraleError('budget-exhausted', 'this device has given all that the task’s promise allows');
      rounds.checkIn({ device, credentialDay: day }, lastRound);
    },
    async receive(session, round, message) {
      const rounds = await roundsOf(session.task);
      const consent = await consents.check(rounds.task, session.device);
      return rounds.receive(session.device, round, message, consent);
    },
    withdraw: async (session) => (await roundsOf(session.task)).withdraw(session.device),
    leave(session, reason) {
      consents.forget(session.device);
      byTask.get(session.task)?.leave(session.device, deliberateCloses.has(reason));
    },
  };
}

/** `tasks.get` has already refused a task that does not exist; one that exists has rounds. */
function refuseUnknown(task: Task): never {
  throw new Error(`invariant: task ${task.id} has no rounds`);
}

/** How socket.io and the loopback network say that the far side closed on purpose. */
const deliberateCloses: ReadonlySet<string> = new Set(['client namespace disconnect', 'closed by the device']);

/** The root key as apps pin it. */
export function rootKeyOf({ keyring }: Pick<Coordinator, 'keyring'>): string {
  return base64url(keyring.rootKey);
}
