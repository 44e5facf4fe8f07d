/** What the laboratory and every test run on: virtual time, seeded randomness, a network in memory. */

export { type AlgorithmRoundOptions, algorithmRound } from './algorithm-round.ts';
export { type LinkFaults, perfectLink } from './link-faults.ts';
export { type LoopbackNetwork, type LoopbackOptions, loopbackNetwork } from './loopback-network.ts';
export type { LoopbackServer, ServerLink, ServerSession } from './loopback-server.ts';
export { type CrowdMember, type CrowdOptions, secaggCrowd } from './secagg-crowd.ts';
export {
  firstCohort,
  type Lab,
  type LabOptions,
  labFloors,
  labPlan,
  labStart,
  rememberingVerdicts,
  secaggLab,
} from './secagg-lab.ts';
export {
  beginLockstep,
  type Lockstep,
  playToEnd,
  playTurn,
  type Settled,
  settleClient,
  startDevice,
  type TurnOptions,
  tell,
} from './secagg-lockstep.ts';
export {
  type DeviceReport,
  type Fate,
  type LoopbackOptions as SecaggLoopbackOptions,
  type LoopbackReport,
  type Packet as SecaggPacket,
  promptly,
  runLoopback,
} from './secagg-loopback.ts';
export { type SeededRandom, seededRandom } from './seeded-random.ts';
export { treesOfOneTable } from './trees-of-one-table.ts';
export { type VirtualClock, virtualClock } from './virtual-clock.ts';
