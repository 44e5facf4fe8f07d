/** The shape of a contribution: named runs of numbers, each with its own clip norm. */

/** A named run of numbers inside a contribution. */
export interface Segment<Name extends string> {
  readonly name: Name;
  readonly length: number;
  /** Largest ℓ2 norm one device may add to this segment; longer contributions are scaled down to it. */
  readonly clipNorm: number;
  /**
   * Whole numbers, or in part: without noise the clip norm is raised to a power of two (`layoutUnder`), so that they decode to their
   * very sum. Under noise it stays the honest bound, as noise is measured against it.
   */
  readonly isExact?: boolean;
  /** Share of the noise budget: the segment's norm after scaling; 1 unless said. Sensitivity is √Σ weight². */
  readonly weight?: number;
  /**
   * Which mean the algorithm takes of the sum: over all contributors, or over what another segment of one number sums up,
   * and then no device's quotient is longer than the clip norm. Only means can be compared between cohorts; a segment
   * that does not say so, such as a count, can only be added up.
   */
  readonly meanOver?: 'contributors' | { readonly segment: Name };
}

export type Layout<Name extends string> = readonly Segment<Name>[];
export type Vectors<Name extends string> = Readonly<Record<Name, Float32Array>>;

/** All that a round tells the coordinator about people's data. */
export interface Aggregate<Name extends string> {
  /** Decoded sums over the survivors; grid sums use up to 32 bits, which float32 would lose. */
  readonly sums: Readonly<Record<Name, Float64Array>>;
  readonly contributors: number;
  /** Standard deviation of the noise in each coordinate of a segment's sum; 0 without differential privacy. */
  readonly noiseStd: Readonly<Record<Name, number>>;
}

/**
 * The least power of two that is not below `norm`. Without noise the grid is a power of two as well, so whole numbers
 * fall on whole grid steps: rounding leaves them alone, and counts decode to the very count.
 */
export function exactClipNorm(norm: number): number {
  return 2 ** Math.ceil(Math.log2(norm));
}

/** The layout as it is encoded under a mechanism: devices and coordinator compute it from the algorithm's own. */
export function layoutUnder<Name extends string>(
  mechanism: 'none' | 'central' | 'distributed',
  layout: Layout<Name>,
): Layout<Name> {
  if (mechanism !== 'none') return layout;
  return layout.map((segment) =>
    segment.isExact ? { ...segment, clipNorm: exactClipNorm(segment.clipNorm) } : segment,
  );
}

/** Coordinates in one contribution: the d of the protocol. */
export function dimension(layout: Layout<string>): number {
  return layout.reduce((length, segment) => length + segment.length, 0);
}
