/** The type at the narrow waist. Only `pipeline.ts` may make one. */

declare const encoded: unique symbol;

/** A device's clipped, quantised (and noised) contribution as words mod 2^32, not yet masked: never leaves the device. */
export type EncodedVector = Uint32Array<ArrayBuffer> & { readonly [encoded]: true };
