/** Clip norms under which whole numbers come through the encoding exactly. */

/**
 * The least power of two that is not below `norm`. Without noise the grid is a power of two as well, so whole numbers
 * fall on whole grid steps: rounding leaves them alone, and counts decode to the very count.
 */
export function exactClipNorm(norm: number): number {
  return 2 ** Math.ceil(Math.log2(norm));
}
