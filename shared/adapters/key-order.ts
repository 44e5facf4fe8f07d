/**
 * Order of two keys by their UTF-8 bytes, which is their order by code points.
 *
 * JavaScript's own `<` orders UTF-16 units and so puts U+FFFF above the surrogate pairs of U+10000 and beyond.
 */
export function compareKeys(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = rank(a.charCodeAt(i)) - rank(b.charCodeAt(i));
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Moves the surrogates (U+D800..U+DFFF) above every other unit. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
