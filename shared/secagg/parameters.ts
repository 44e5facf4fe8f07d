/**
 * How dense the graph must be and how many must agree, so that at most A corrupt and D absent devices neither open a
 * mask nor lose the sum, but with probability 2^-σ and 2^-η (exact tails; after Bell et al., CCS 2020, with
 * a certified survivor set and its windows).
 */

import { ChoraleError } from '../errors.ts';
import { mostOnRoll } from './assignment.ts';
import { type Draw, isRare, leastRareCount, type Rarity } from './tails.ts';

export type ParameterRequest = {
  /** n */
  readonly devices: number;
  /** γ and δ, in basis points: assumed corrupt, tolerated dropouts. */
  readonly corruptBasisPoints: number;
  readonly dropoutBasisPoints: number;
  /** Privacy fails with probability at most 2^-σ, the round by dropouts with about 2^-η. */
  readonly sigma: number;
  readonly eta: number;
};

export type Parameters = {
  readonly devices: number;
  /** A */
  readonly corrupt: number;
  /** D */
  readonly dropouts: number;
  /** k */
  readonly neighbours: number;
  /** Bounds between which t may lie: above what the corrupt can hold, within what survivors can bring (informative). */
  readonly leastThreshold: number;
  readonly greatestThreshold: number;
  /** t */
  readonly threshold: number;
  /** s: survivors needed in every window of k/2 places; 0 ⇔ complete graph. */
  readonly windowSurvivors: number;
  /** m and T */
  readonly committee: number;
  readonly committeeThreshold: number;
  readonly minSurvivors: number;
  /** Every device is every other's neighbour: k = n − 1. */
  readonly isComplete: boolean;
};

const leastDevices = 3;
/** Largest cohort: places are points of Shamir's scheme, non-zero elements of GF(2^16). */
export const mostDevices = 65_535;

/** Below this a sparse graph saves nothing worth its risk. */
const leastSparseDevices = 32;
/** Up to here everyone sits on the committee. */
const mostDevicesInFullCommittee = 64;

/** A = ⌊γn⌋ */
export function assumedCorrupt(devices: number, corruptBasisPoints: number): number {
  return Math.floor((corruptBasisPoints * devices) / 10_000);
}

/** D = ⌊δn⌋ */
export function toleratedDropouts(devices: number, dropoutBasisPoints: number): number {
  return Math.floor((dropoutBasisPoints * devices) / 10_000);
}

/**
 * The sparsest graph and the smallest committee that the request allows.
 *
 * @throws ChoraleError `invalid-input` when no graph or committee can hold what is asked
 */
export function chooseParameters(request: ParameterRequest): Parameters {
  checkRequest(request);
  const cohort: Cohort = {
    devices: request.devices,
    corrupt: assumedCorrupt(request.devices, request.corruptBasisPoints),
    dropouts: toleratedDropouts(request.devices, request.dropoutBasisPoints),
    sigma: request.sigma,
    eta: request.eta,
  };
  const graph = sparseGraph(cohort) ?? completeGraph(cohort);
  return {
    devices: cohort.devices,
    corrupt: cohort.corrupt,
    dropouts: cohort.dropouts,
    ...graph,
    greatestThreshold: greatestThreshold(cohort, graph.neighbours),
    ...chooseCommittee(cohort),
    minSurvivors: cohort.devices - cohort.dropouts,
  };
}

type Cohort = {
  readonly devices: number;
  readonly corrupt: number;
  readonly dropouts: number;
  readonly sigma: number;
  readonly eta: number;
};
type Graph = Pick<Parameters, 'neighbours' | 'leastThreshold' | 'threshold' | 'windowSurvivors' | 'isComplete'>;
type Committee = Pick<Parameters, 'committee' | 'committeeThreshold'>;

/** The least even k that separates the corrupt from the survivors, if there is one. */
function sparseGraph(cohort: Cohort): Graph | undefined {
  if (cohort.devices < leastSparseDevices) return undefined;
  for (let neighbours = 2; neighbours <= cohort.devices - 2; neighbours += 2) {
    const graph = sparseGraphWith(cohort, neighbours);
    if (graph) return graph;
  }
  return undefined;
}

function sparseGraphWith(cohort: Cohort, neighbours: number): Graph | undefined {
  const { devices, dropouts, eta } = cohort;
  const window = neighbours / 2;
  const windowSurvivors = leastRareCount(corruptAround(cohort, window), exposure(cohort));
  // Fewer than s survivors in a window means that more than k/2 − s of its devices dropped out.
  const absent: Draw = { population: devices, marked: dropouts, drawn: window };
  if (!isRare(absent, window - windowSurvivors + 1, { times: devices, bits: eta })) return undefined;
  const leastThreshold = leastRareCount(corruptAround(cohort, neighbours), exposure(cohort));
  if (leastThreshold > 2 * windowSurvivors) return undefined;
  // A threshold of 1 would hand the secret itself to every neighbour, even where nobody is assumed corrupt.
  const threshold = Math.max(2, Math.floor((leastThreshold + 2 * windowSurvivors) / 2));
  return { neighbours, leastThreshold, threshold, windowSurvivors, isComplete: false };
}

function completeGraph(cohort: Cohort): Graph {
  const { devices, corrupt, dropouts } = cohort;
  const survivors = devices - dropouts;
  const leastThreshold = corrupt + 1;
  const threshold =
    devices < leastSparseDevices
      ? Math.max(2, leastThreshold, Math.ceil(survivors / 2))
      : Math.floor((corrupt + survivors) / 2);
  // A survivor's own mask is opened by the survivors other than itself.
  if (threshold < leastThreshold || threshold > survivors - 1) throw impossible(cohort);
  return { neighbours: devices - 1, leastThreshold, threshold, windowSurvivors: 0, isComplete: true };
}

/** The greatest t that the surviving neighbours of every device still reach, but with probability 2^-η. */
function greatestThreshold({ devices, dropouts, eta }: Cohort, neighbours: number): number {
  const absent: Draw = { population: devices - 1, marked: dropouts, drawn: neighbours };
  return neighbours + 1 - leastRareCount(absent, { times: devices, bits: eta });
}

/** The smallest committee whose survivors reach a majority that two survivor sets cannot both have. */
function chooseCommittee(cohort: Cohort): Committee {
  const { devices } = cohort;
  let committee = devices <= mostDevicesInFullCommittee ? devices : 1;
  while (committee <= devices) {
    const committeeThreshold = Math.floor((committee + corruptMembers(cohort, committee)) / 2) + 1;
    const missing = absentMembers(cohort, committee) - (committee - committeeThreshold);
    if (missing <= 0) return { committee, committeeThreshold };
    // Each member more can add to the absent and never takes from the corrupt, so only every second one adds a spare.
    committee += 2 * missing - 1;
  }
  throw impossible(cohort);
}

/** The members that have dropped out at most, but with probability 2^-η. */
function absentMembers({ devices, dropouts, eta }: Cohort, committee: number): number {
  const members: Draw = { population: devices, marked: dropouts, drawn: committee };
  return leastRareCount(members, { times: 1, bits: eta }) - 1;
}

/** c_m: the corrupt members that a committee has at most, but with probability 2^-(σ+2). */
export function corruptMembers(cohort: Pick<Cohort, 'devices' | 'corrupt' | 'sigma'>, committee: number): number {
  const members: Draw = { population: cohort.devices, marked: cohort.corrupt, drawn: committee };
  return leastRareCount(members, { times: 1, bits: cohort.sigma + 2 }) - 1;
}

export type RoundRequest = Pick<ParameterRequest, 'corruptBasisPoints' | 'sigma'> & {
  /** N */
  readonly roundDevices: number;
  /** G */
  readonly cohortCount: number;
};

/**
 * K: how many corrupt identities a whole round may hold, so that none of its cohorts gets more than its A of them but
 * with probability 2^-(σ+1). A device cannot check it: it is an assumption about who may enrol.
 *
 * @throws ChoraleError `invalid-input` where the round has too many devices, or too few for its cohorts
 */
export function mostCorruptInRound({ roundDevices, cohortCount, corruptBasisPoints, sigma }: RoundRequest): number {
  within('roundDevices', roundDevices, leastDevices, mostOnRoll);
  within('cohortCount', cohortCount, 1, Math.floor(roundDevices / leastDevices));
  const sizes = new Set([Math.floor(roundDevices / cohortCount), Math.ceil(roundDevices / cohortCount)]);
  const isTolerable = (marked: number) =>
    [...sizes].every((drawn) => {
      const draw: Draw = { population: roundDevices, marked, drawn };
      return isRare(draw, assumedCorrupt(drawn, corruptBasisPoints) + 1, { times: cohortCount, bits: sigma + 1 });
    });
  // Whether K is tolerable falls only once as K grows.
  let [most, least] = [0, roundDevices + 1];
  while (least - most > 1) {
    const middle = (most + least) >> 1;
    if (isTolerable(middle)) most = middle;
    else least = middle;
  }
  return most;
}

/** Corrupt devices among `drawn` others, as one honest device sees them. */
export function corruptAround(cohort: Pick<Cohort, 'devices' | 'corrupt'>, drawn: number): Draw {
  return { population: cohort.devices - 1, marked: cohort.corrupt, drawn };
}

/** What thresholds and windows may each risk, over all devices of the cohort: half of 2^-σ. */
export function exposure({ devices, sigma }: Pick<Cohort, 'devices' | 'sigma'>): Rarity {
  return { times: devices, bits: sigma + 1 };
}

function checkRequest({ devices, corruptBasisPoints, dropoutBasisPoints, sigma, eta }: ParameterRequest): void {
  within('devices', devices, leastDevices, mostDevices);
  within('corruptBasisPoints', corruptBasisPoints, 0, 9_999);
  within('dropoutBasisPoints', dropoutBasisPoints, 0, 9_999);
  within('sigma', sigma, 1, 255);
  within('eta', eta, 1, 255);
}

function within(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new ChoraleError('invalid-input', `${name} must be a whole number from ${least} to ${most}`);
}

function impossible({ devices, corrupt, dropouts }: Cohort): ChoraleError {
  return new ChoraleError(
    'invalid-input',
    `no threshold and committee hold for ${devices} devices with ${corrupt} corrupt and ${dropouts} absent: enlarge the cohort or expect fewer of them`,
  );
}
