/**
 * Privacy loss distributions (Sommer, Meiser, Mohammadi, PETS 2019; Koskela, Jälkö, Honkela, AISTATS 2020): the whole
 * distribution of the log likelihood ratio, convolved with itself once per step, instead of a few of its moments. It is
 * the tightest of the accountants, and the slowest.
 *
 * The reported ε is an upper bound at any width of the grid: the mass between two neighbouring losses moves to both of
 * them so that its probability stays what it is with the device and without. An attacker who sees which of the two it
 * became can only know more ("connect the dots": Doroshenko, Ghazi, Kamath, Kumar, Manurangsi, PETS 2022), and the price
 * is of the order of steps · width²; rounding up would cost steps · width / 2.
 */

import { convolveWithItself } from './fourier.ts';
import { normalBetween, normalQuantile } from './normal.ts';
import { check, checkDelta, checkProcess, logMoment, lossAt, outputAt, type Process } from './sampled-gaussian.ts';

export type PldOptions = {
  /** `nearest` moves mass to the nearest loss: an estimate for comparison with other libraries, and no bound. */
  readonly rounding?: 'up' | 'nearest';
  /** Distance of the grid's losses; chosen for the process unless given. */
  readonly width?: number;
  /** Whether the neighbour lacks the device or has one more; both unless given, and the greater ε counts. */
  readonly directions?: readonly Direction[];
};

const bothDirections = ['remove', 'add'] as const;
type Direction = (typeof bothDirections)[number];

/** Share of δ that may hide in what is cut off, and is added to it. */
const cutShare = 1e-6;

/** Below it the transform's rounding would loosen the bound too much. */
const leastDelta = 1e-10;

/**
 * The least ε at δ, over a device that is added and one that is taken away.
 *
 * @throws ChoraleError `invalid-input` for numbers that mean nothing, and for δ < 1e-10
 */
export function pldEpsilon(process: Process, delta: number, options: PldOptions = {}): number {
  checkProcess(process);
  checkDelta(delta);
  check(delta >= leastDelta, 'loss distributions are precise down to a delta of 1e-10: choose rdp or zcdp below');
  const { directions = bothDirections } = options;
  const cut = cutShare * delta;
  const windows = directions.map((direction) => windowOf(process, direction, cut));
  const width = options.width ?? widthFor(process, windows);
  const masses = massesOf(process, { width, cut, isNearest: options.rounding === 'nearest' });
  return Math.max(
    ...directions.map((direction, i) => epsilonIn(direction, { process, delta, masses, window: windows[i]! })),
  );
}

/** Losses of all steps together that can matter. */
type Window = { readonly low: number; readonly high: number };

const chernoffExponents = Array.from({ length: 49 }, (_, i) => 2 ** ((i - 16) / 4));

/** Beyond it lies at most `cut` on either side, by the best of several Chernoff bounds. */
function windowOf(process: Process, direction: Direction, cut: number): Window {
  // With P/Q = r: losses are ln r under P when a device is removed, −ln r under Q when it is added.
  const order = (exponent: number) => (direction === 'remove' ? 1 + exponent : -exponent);
  const reach = (exponent: number) =>
    (process.steps * logMoment(order(exponent), process) - Math.log(cut)) / Math.abs(exponent);
  const high = Math.min(...chernoffExponents.map((exponent) => reach(exponent)));
  const low = -Math.min(...chernoffExponents.map((exponent) => reach(-exponent)));
  // Discretising widens the distribution a little.
  const margin = 0.02 * (high - low);
  return { low: low - margin, high: high + margin };
}

const usualWidth = 1e-4;
/** Just below a power of two, which is what the transform takes. */
const mostCells = 2 ** 20 - 16;

/** Fine enough that its price in ε is below 1e-5, unless the cells would become too many. */
function widthFor(process: Process, windows: readonly Window[]): number {
  const wanted = Math.min(usualWidth, 0.01 / Math.sqrt(process.steps));
  const range = Math.max(...windows.map(({ low, high }) => high - low));
  const { low, high } = lossesOfStep(process, 1e-18);
  return Math.max(wanted, range / mostCells, (high - low) / mostCells);
}

/** Where the loss of one step lies but for `tail` on each side. */
function lossesOfStep(process: Process, tail: number): Window {
  const reach = process.noiseMultiplier * normalQuantile(tail);
  return { low: lossAt(-reach, process), high: lossAt(1 + reach, process) };
}

/** One step's loss in cells of the grid, both with the device (P) and without (Q). */
type Masses = {
  readonly width: number;
  /** Loss of the first cell, in widths. */
  readonly first: number;
  readonly withDevice: Float64Array;
  readonly without: Float64Array;
  readonly isNearest: boolean;
  /** Mass that was cut off, for all steps together. */
  readonly cut: number;
};

function massesOf(process: Process, { width, cut, isNearest }: Pick<Masses, 'width' | 'cut' | 'isNearest'>): Masses {
  const { low, high } = lossesOfStep(process, Math.max(1e-300, cut / process.steps));
  const first = Math.floor(low / width);
  const count = Math.ceil(high / width) - first;
  const offset = isNearest ? 0.5 : 0;
  const withDevice = new Float64Array(count);
  const without = new Float64Array(count);
  const { samplingRate: q, noiseMultiplier: z } = process;
  let from = outputAt((first - offset) * width, process);
  for (let i = 0; i < count; i++) {
    const to = outputAt((first + i + 1 - offset) * width, process);
    without[i] = normalBetween(from / z, to / z);
    withDevice[i] = (1 - q) * without[i]! + q * normalBetween((from - 1) / z, (to - 1) / z);
    from = to;
  }
  return { width, first, withDevice, without, isNearest, cut };
}

type Question = {
  readonly process: Process;
  readonly delta: number;
  readonly masses: Masses;
  readonly window: Window;
};

function epsilonIn(direction: Direction, { process, delta, masses, window }: Question): number {
  const { first, cells } = cellsOf(direction, masses);
  const { width } = masses;
  const from = Math.floor(window.low / width);
  const size = 2 ** Math.ceil(Math.log2(window.high / width - from + 2));
  const folded = new Float64Array(size);
  for (let i = 0; i < cells.length; i++) folded[i % size]! += cells[i]!;
  const sum = convolveWithItself(folded, process.steps);
  // Cell c of the sum is a total loss of c + steps·first widths, mod the size.
  const start = modulo(from - process.steps * first, size);
  const ordered = (cell: number) => sum[(start + cell) % size]!;
  return leastEpsilon({ ordered, size, from, width }, delta - 4 * masses.cut);
}

/** One step's loss distribution as the attacker's better hypothesis sees it. */
function cellsOf(direction: Direction, masses: Masses): { readonly first: number; readonly cells: Float64Array } {
  const { first, withDevice, without, isNearest } = masses;
  const count = withDevice.length;
  // Nearest cells lie on their loss, the others between two.
  const mirrored = isNearest ? -(first + count - 1) : -(first + count);
  const [start, likely, other] =
    direction === 'remove' ? [first, withDevice, without] : [mirrored, without.toReversed(), withDevice.toReversed()];
  return { first: start, cells: isNearest ? likely : spread(likely, other, start, masses.width) };
}

/**
 * Moves the mass of each interval to its two ends: share b goes up and p − b stays down so that Σ is p under the likely
 * hypothesis and q under the other, where a loss of ℓ weighs e^−ℓ.
 */
function spread(likely: Float64Array, other: Float64Array, first: number, width: number): Float64Array {
  const cells = new Float64Array(likely.length + 1);
  const gain = -Math.expm1(-width);
  for (let i = 0; i < likely.length; i++) {
    const mass = likely[i]!;
    const excess = (mass - other[i]! * Math.exp((first + i) * width)) / gain;
    const up = Math.min(mass, Math.max(0, excess));
    cells[i]! += mass - up;
    cells[i + 1]! += up;
  }
  return cells;
}

type Total = {
  readonly ordered: (cell: number) => number;
  readonly size: number;
  readonly from: number;
  readonly width: number;
};

/**
 * The least ε ≥ 0 with Σ_{ℓ>ε} (1 − e^(ε−ℓ))·p(ℓ) ≤ δ, walking down from the greatest loss.
 */
function leastEpsilon({ ordered, size, from, width }: Total, delta: number): number {
  const fade = Math.exp(-width);
  let mass = 0;
  // Σ p(ℓ)·e^(ε−ℓ) for ε at the present cell.
  let faded = 0;
  for (let cell = size - 1; cell >= 0 && from + cell >= 0; cell--) {
    const stepDown = faded * fade;
    // Reaching δ between this cell's loss and the one above, where only what lies above counts.
    if (mass - stepDown > delta) return (from + cell) * width + Math.log((mass - delta) / stepDown);
    mass += ordered(cell);
    faded = stepDown + ordered(cell);
  }
  return 0;
}

function modulo(value: number, size: number): number {
  return ((value % size) + size) % size;
}
