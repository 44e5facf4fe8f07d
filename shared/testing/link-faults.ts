import type { SeededRandom } from './seeded-random.ts';

/** How badly a link behaves. Without faults every packet arrives once, in order, in the same instant. */
export type LinkFaults = {
  /** Travel time of a packet, one way, drawn evenly from this range. */
  readonly delayMs: { readonly min: number; readonly max: number };
  /** A lost packet is never repeated; who waits for its answer gives up after `answerTimeoutMs`. */
  readonly lossProbability: number;
  /** A repeated packet arrives again after one more delay, perhaps behind packets sent after it. */
  readonly duplicateProbability: number;
  /** The connection breaks as the packet is sent; whether the packet still arrives is a toss of a coin. */
  readonly breakProbability: number;
  readonly answerTimeoutMs: number;
  /** How long the two ends of a partitioned link take to give their connection up. */
  readonly silenceMs: number;
};

export const perfectLink: LinkFaults = {
  delayMs: { min: 0, max: 0 },
  lossProbability: 0,
  duplicateProbability: 0,
  breakProbability: 0,
  answerTimeoutMs: 20_000,
  silenceMs: 20_000,
};

/** What happens to one packet. */
export type PacketFate = {
  readonly isLost: boolean;
  readonly breaksLink: boolean;
  readonly delayMs: number;
  /** How long after the first copy its second one arrives, if it has one. */
  readonly repeatAfterMs: number | undefined;
};

/** Always draws the same number of times, so that one fault more does not change every fate after it. */
export function drawFate(faults: LinkFaults, random: SeededRandom): PacketFate {
  const [loss, repeat, breaking, coin, first, second] = Array.from({ length: 6 }, () => random.uniform());
  const breaksLink = breaking! < faults.breakProbability;
  const isLost = loss! < faults.lossProbability || (breaksLink && coin! < 0.5);
  const repeatAfterMs = repeat! < faults.duplicateProbability ? drawDelay(faults, second!) : undefined;
  return { isLost, breaksLink, delayMs: drawDelay(faults, first!), repeatAfterMs };
}

function drawDelay({ delayMs: { min, max } }: LinkFaults, uniform: number): number {
  return min + Math.floor(uniform * (max - min + 1));
}
