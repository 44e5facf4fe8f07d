/** Where each REST resource lives. Devices send `Authorization: Bearer pk_…`, operators `Bearer sk_…`. */

import type { DeviceId, ModelId, RoundId, TaskId } from '../ids.ts';
import { apiPath } from './version.ts';

export const routes = {
  /** GET: `keysView` */
  keys: `${apiPath}/keys`,
  /** GET: a page of `taskView` · POST: `newTask` */
  tasks: `${apiPath}/tasks`,
  /** GET: `taskView` */
  task: (task: TaskId) => `${apiPath}/tasks/${task}`,
  /** GET: what the algorithm's `result` gives once it is done, such as a `densityMap` */
  result: (task: TaskId) => `${apiPath}/tasks/${task}/result`,
  /** GET: a page of `roundView` */
  rounds: (task: TaskId) => `${apiPath}/tasks/${task}/rounds`,
  /** GET: `transcriptView` */
  transcript: (round: RoundId) => `${apiPath}/rounds/${round}/transcript`,
  /** GET: `receiptInclusionView` */
  receiptInclusion: (round: RoundId, device: DeviceId) => `${apiPath}/rounds/${round}/receipts/${device}`,
  /** POST: `newDevice`, answered by `deviceView` */
  devices: `${apiPath}/devices`,
  /** POST: `newConsent`, a later receipt of an enrolled device; answered by 204 */
  consents: `${apiPath}/consents`,
  /** GET: `modelManifest` */
  model: (model: ModelId) => `${apiPath}/models/${model}`,
  /** POST: `auditClaim` of `privacy/`, answered by `modelManifest` */
  audit: (model: ModelId) => `${apiPath}/models/${model}/audit`,
  /** POST: `newComparison`, answered by `taskView` */
  comparisons: (model: ModelId) => `${apiPath}/models/${model}/comparisons`,
  /** POST: `newRelease`, answered by `releaseView` */
  releases: (model: ModelId) => `${apiPath}/models/${model}/releases`,
  /** GET: a page of `releaseView` */
  releasesOf: (task: TaskId) => `${apiPath}/tasks/${task}/releases`,
  /** GET: little-endian float32, immutable, named by their SHA-256 in hexadecimal */
  parameters: (sha256: string) => `${apiPath}/parameters/${sha256}`,
  /** GET: a broadcast that does not fit the socket, named by the hash that D holds, in hexadecimal */
  broadcast: (sha256: string) => `${apiPath}/broadcasts/${sha256}`,
  /** POST: `newScores`, answered by `scoresView` */
  scores: `${apiPath}/scores`,
} as const;
