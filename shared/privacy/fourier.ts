/** Convolution of a distribution with itself, many times at once. */

type Complex = { readonly real: Float64Array; readonly imaginary: Float64Array };

/**
 * The distribution of the sum of `times` independent draws, mod the number of cells, which is a power of two.
 * Rounding adds noise of about times · 1e-17 of the total mass, spread over the cells; those that it drives below 0 become
 * 0, so that sums over many cells err upwards.
 */
export function convolveWithItself(masses: Float64Array, times: number): Float64Array {
  const values = { real: masses.slice(), imaginary: new Float64Array(masses.length) };
  const roots = rootsOfUnity(masses.length);
  spectrumInPlace(values, roots);
  powerInPlace(values, times);
  valuesInPlace(values, roots);
  return values.real.map((mass) => Math.max(0, mass / masses.length));
}

/**
 * Fast Fourier transform by decimation in frequency (Gentleman and Sande, 1966). The spectrum comes out in bit-reversed
 * order, and the way back expects that order: what happens in between to each value alone need not care.
 */
function spectrumInPlace({ real, imaginary }: Complex, roots: Complex): void {
  const size = real.length;
  for (let half = size / 2; half >= 1; half /= 2) {
    const stride = size / 2 / half;
    for (let start = 0; start < size; start += 2 * half) {
      for (let i = start, root = 0; i < start + half; i++, root += stride) {
        const j = i + half;
        const re = real[i]! - real[j]!;
        const im = imaginary[i]! - imaginary[j]!;
        const cos = roots.real[root]!;
        const sin = roots.imaginary[root]!;
        real[i] = real[i]! + real[j]!;
        imaginary[i] = imaginary[i]! + imaginary[j]!;
        real[j] = re * cos - im * sin;
        imaginary[j] = re * sin + im * cos;
      }
    }
  }
}

/** The same steps backwards (Cooley and Tukey, 1965); the result is `size` times too large. */
function valuesInPlace({ real, imaginary }: Complex, roots: Complex): void {
  const size = real.length;
  for (let half = 1; half < size; half *= 2) {
    const stride = size / 2 / half;
    for (let start = 0; start < size; start += 2 * half) {
      for (let i = start, root = 0; i < start + half; i++, root += stride) {
        const j = i + half;
        const cos = roots.real[root]!;
        const sin = roots.imaginary[root]!;
        const re = real[j]! * cos + imaginary[j]! * sin;
        const im = imaginary[j]! * cos - real[j]! * sin;
        real[j] = real[i]! - re;
        imaginary[j] = imaginary[i]! - im;
        real[i] = real[i]! + re;
        imaginary[i] = imaginary[i]! + im;
      }
    }
  }
}

/** e^(−2πik/size) for the first half of the circle. */
function rootsOfUnity(size: number): Complex {
  const angle = (i: number) => (-2 * Math.PI * i) / size;
  return {
    real: Float64Array.from({ length: size / 2 }, (_, i) => Math.cos(angle(i))),
    imaginary: Float64Array.from({ length: size / 2 }, (_, i) => Math.sin(angle(i))),
  };
}

/** By length and angle, which lose less than repeated multiplication. */
function powerInPlace({ real, imaginary }: Complex, exponent: number): void {
  for (let i = 0; i < real.length; i++) {
    const re = real[i]!;
    const im = imaginary[i]!;
    const size = (re * re + im * im) ** (exponent / 2);
    const angle = Math.atan2(im, re) * exponent;
    real[i] = size * Math.cos(angle);
    imaginary[i] = size * Math.sin(angle);
  }
}
