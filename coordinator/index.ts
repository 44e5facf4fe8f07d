/** Door `@chorale/coordinator`: a coordinator inside another process, such as a laboratory or a test. */

export { type Coordinator, type CoordinatorOptions, createCoordinator, rootKeyOf } from './app.ts';
export { type Config, type LimitConfig, type RoundConfig, readConfig } from './config.ts';
export type { Log } from './events.ts';
export { checkKey } from './http/gate.ts';
export type { Answer, Call, Route } from './http/route.ts';
export { type RunningCoordinator, type StartOptions, startCoordinator } from './main.ts';
export type { Link, LinkSession } from './realtime/link.ts';
export type { Moment } from './rounds/open-round.ts';
export type { Task } from './tasks/task.ts';
