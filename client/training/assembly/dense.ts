/**
 * One SGD step of dense layers, four float32 lanes at a time; sums stay in registers, in tiles of four rows.
 *
 * Addresses are in bytes, counts and strides in numbers. Every stride is a whole number of lanes, and what pads a row up to
 * it is zero on the way in and on the way out, so no loop along a row has a tail. Places for rows hold a multiple of four of
 * them; what is computed in those beyond the batch never reaches a parameter.
 */

/** Rows of `width` numbers from one place to another. */
export function copyRows(from: usize, fromStride: i32, to: usize, toStride: i32, rows: i32, width: i32): void {
  for (let row = 0; row < rows; row++, from += bytes(fromStride), to += bytes(toStride)) copy(from, to, width);
}

/** The rows that `order` names by their index. */
export function gather(from: usize, order: usize, to: usize, toStride: i32, rows: i32, width: i32): void {
  for (let row = 0; row < rows; row++, order += 4, to += bytes(toStride)) {
    copy(from + bytes(width) * <usize>load<u32>(order), to, width);
  }
}

/** out = activation(x · kernel + bias), with the activation 0 none, 1 relu, 2 tanh. */
export function forward(
  x: usize,
  xStride: i32,
  kernel: usize,
  bias: usize,
  out: usize,
  outStride: i32,
  rows: i32,
  inputs: i32,
  activation: i32,
): void {
  const xStep = bytes(xStride);
  const step = bytes(outStride);
  const start = out;
  let row = 0;
  // One or two rows that are left over have tiles of their own: of a batch of ten, a sixth would be computed for nothing.
  for (; row < rows - 2; row += 4) {
    let at: usize = 0;
    for (; at + 32 <= step; at += 32) forwardEight(x, xStep, kernel + at, bias + at, out + at, step, inputs);
    if (at < step) forwardFour(x, xStep, kernel + at, bias + at, out + at, step, inputs);
    x += 4 * xStep;
    out += 4 * step;
  }
  if (row < rows) {
    let at: usize = 0;
    for (; at + 64 <= step; at += 64) forwardPairSixteen(x, xStep, kernel + at, bias + at, out + at, step, inputs);
    for (; at + 32 <= step; at += 32) forwardPairEight(x, xStep, kernel + at, bias + at, out + at, step, inputs);
    if (at < step) forwardPairFour(x, xStep, kernel + at, bias + at, out + at, step, inputs);
    out += 2 * step;
  }
  if (activation !== 0) activate(start, out, activation);
}

/** Two rows of sixteen outputs. */
function forwardPairSixteen(x: usize, xStep: usize, w: usize, bias: usize, out: usize, step: usize, inputs: i32): void {
  let a0 = v128.load(bias);
  let b0 = v128.load(bias, 16);
  let c0 = v128.load(bias, 32);
  let d0 = v128.load(bias, 48);
  let a1 = a0;
  let b1 = b0;
  let c1 = c0;
  let d1 = d0;
  for (const end = x + bytes(inputs); x < end; x += 4, w += step) {
    const wa = v128.load(w);
    const wb = v128.load(w, 16);
    const wc = v128.load(w, 32);
    const wd = v128.load(w, 48);
    let value = v128.load32_splat(x);
    a0 = f32x4.add(a0, f32x4.mul(value, wa));
    b0 = f32x4.add(b0, f32x4.mul(value, wb));
    c0 = f32x4.add(c0, f32x4.mul(value, wc));
    d0 = f32x4.add(d0, f32x4.mul(value, wd));
    value = v128.load32_splat(x + xStep);
    a1 = f32x4.add(a1, f32x4.mul(value, wa));
    b1 = f32x4.add(b1, f32x4.mul(value, wb));
    c1 = f32x4.add(c1, f32x4.mul(value, wc));
    d1 = f32x4.add(d1, f32x4.mul(value, wd));
  }
  v128.store(out, a0);
  v128.store(out, b0, 16);
  v128.store(out, c0, 32);
  v128.store(out, d0, 48);
  out += step;
  v128.store(out, a1);
  v128.store(out, b1, 16);
  v128.store(out, c1, 32);
  v128.store(out, d1, 48);
}

/** Two rows of eight outputs. */
function forwardPairEight(x: usize, xStep: usize, w: usize, bias: usize, out: usize, step: usize, inputs: i32): void {
  let a0 = v128.load(bias);
  let b0 = v128.load(bias, 16);
  let a1 = a0;
  let b1 = b0;
  for (const end = x + bytes(inputs); x < end; x += 4, w += step) {
    const wa = v128.load(w);
    const wb = v128.load(w, 16);
    let value = v128.load32_splat(x);
    a0 = f32x4.add(a0, f32x4.mul(value, wa));
    b0 = f32x4.add(b0, f32x4.mul(value, wb));
    value = v128.load32_splat(x + xStep);
    a1 = f32x4.add(a1, f32x4.mul(value, wa));
    b1 = f32x4.add(b1, f32x4.mul(value, wb));
  }
  v128.store(out, a0);
  v128.store(out, b0, 16);
  v128.store(out + step, a1);
  v128.store(out + step, b1, 16);
}

/** Two rows of four outputs. */
function forwardPairFour(x: usize, xStep: usize, w: usize, bias: usize, out: usize, step: usize, inputs: i32): void {
  let a0 = v128.load(bias);
  let a1 = a0;
  for (const end = x + bytes(inputs); x < end; x += 4, w += step) {
    const wa = v128.load(w);
    a0 = f32x4.add(a0, f32x4.mul(v128.load32_splat(x), wa));
    a1 = f32x4.add(a1, f32x4.mul(v128.load32_splat(x + xStep), wa));
  }
  v128.store(out, a0);
  v128.store(out + step, a1);
}

/** Four rows of eight outputs. */
function forwardEight(x: usize, xStep: usize, w: usize, bias: usize, out: usize, step: usize, inputs: i32): void {
  const x1 = xStep;
  const x2 = 2 * xStep;
  const x3 = 3 * xStep;
  let a0 = v128.load(bias);
  let b0 = v128.load(bias, 16);
  let a1 = a0;
  let b1 = b0;
  let a2 = a0;
  let b2 = b0;
  let a3 = a0;
  let b3 = b0;
  for (const end = x + bytes(inputs); x < end; x += 4, w += step) {
    const wa = v128.load(w);
    const wb = v128.load(w, 16);
    let value = v128.load32_splat(x);
    a0 = f32x4.add(a0, f32x4.mul(value, wa));
    b0 = f32x4.add(b0, f32x4.mul(value, wb));
    value = v128.load32_splat(x + x1);
    a1 = f32x4.add(a1, f32x4.mul(value, wa));
    b1 = f32x4.add(b1, f32x4.mul(value, wb));
    value = v128.load32_splat(x + x2);
    a2 = f32x4.add(a2, f32x4.mul(value, wa));
    b2 = f32x4.add(b2, f32x4.mul(value, wb));
    value = v128.load32_splat(x + x3);
    a3 = f32x4.add(a3, f32x4.mul(value, wa));
    b3 = f32x4.add(b3, f32x4.mul(value, wb));
  }
  v128.store(out, a0);
  v128.store(out, b0, 16);
  out += step;
  v128.store(out, a1);
  v128.store(out, b1, 16);
  out += step;
  v128.store(out, a2);
  v128.store(out, b2, 16);
  out += step;
  v128.store(out, a3);
  v128.store(out, b3, 16);
}

/** Four rows of four outputs. */
function forwardFour(x: usize, xStep: usize, w: usize, bias: usize, out: usize, step: usize, inputs: i32): void {
  const x1 = xStep;
  const x2 = 2 * xStep;
  const x3 = 3 * xStep;
  let a0 = v128.load(bias);
  let a1 = a0;
  let a2 = a0;
  let a3 = a0;
  for (const end = x + bytes(inputs); x < end; x += 4, w += step) {
    const wa = v128.load(w);
    a0 = f32x4.add(a0, f32x4.mul(v128.load32_splat(x), wa));
    a1 = f32x4.add(a1, f32x4.mul(v128.load32_splat(x + x1), wa));
    a2 = f32x4.add(a2, f32x4.mul(v128.load32_splat(x + x2), wa));
    a3 = f32x4.add(a3, f32x4.mul(v128.load32_splat(x + x3), wa));
  }
  v128.store(out, a0);
  v128.store(out + step, a1);
  v128.store(out + 2 * step, a2);
  v128.store(out + 3 * step, a3);
}

function activate(at: usize, end: usize, activation: i32): void {
  if (activation === 1) {
    const zero = f32x4.splat(0);
    for (; at < end; at += 16) v128.store(at, f32x4.max(zero, v128.load(at)));
  } else {
    for (; at < end; at += 16) v128.store(at, tanh(v128.load(at)));
  }
}

/**
 * Logits to errors, in place: probability − target for every output of every row. A label names a class; one that names none
 * leaves all targets at zero. A sigmoid's label is its target.
 */
export function outputErrors(z: usize, stride: i32, labels: usize, rows: i32, outputs: i32, isSigmoid: i32): void {
  for (let row = 0; row < rows; row++, z += bytes(stride), labels += 4) {
    const label = load<f32>(labels);
    if (isSigmoid) {
      store<f32>(z, sigmoid(load<f32>(z)) - label);
      continue;
    }
    softmax(z, bytes(stride), bytes(outputs));
    const target = <i32>label;
    if (target >= 0 && target < outputs) {
      const at = z + bytes(target);
      store<f32>(at, load<f32>(at) - 1);
    }
  }
}

/** Exact in both tails. */
function sigmoid(z: f32): f32 {
  const odds = f32x4.extract_lane(exp(f32x4.splat(-abs(z))), 0);
  return (z >= 0 ? 1 : odds) / (1 + odds);
}

/** Shifted by the largest, so that no exp overflows; what pads the row stays zero. */
function softmax(z: usize, step: usize, length: usize): void {
  let most = load<f32>(z);
  for (let at: usize = 4; at < length; at += 4) most = max(most, load<f32>(z + at));
  const shift = f32x4.splat(most);
  for (let at: usize = 0; at < step; at += 16) v128.store(z + at, exp(f32x4.sub(v128.load(z + at), shift)));
  let total: f32 = 0;
  for (let at: usize = 0; at < length; at += 4) total += load<f32>(z + at);
  for (let at: usize = 0; at < length; at += 4) store<f32>(z + at, load<f32>(z + at) / total);
  for (let at = length; at < step; at += 4) store<f32>(z + at, 0);
}

/** Errors one layer down: (errors · kernelᵀ) ∘ activation′, where the derivative follows from the activations. */
export function backward(
  errors: usize,
  stride: i32,
  kernel: usize,
  activations: usize,
  below: usize,
  belowStride: i32,
  rows: i32,
  activation: i32,
): void {
  const step = bytes(stride);
  const belowStep = bytes(belowStride);
  for (let row = 0; row < rows; row += 2) {
    for (let at: usize = 0; at < belowStep; at += 16) {
      backwardTile(errors, step, kernel + (at >> 2) * step, below + at, belowStep);
    }
    errors += 2 * step;
    below += 2 * belowStep;
  }
  const end = below;
  below -= ((rows + 1) & ~1) * belowStep;
  for (; below < end; below += 16, activations += 16) {
    v128.store(below, f32x4.mul(v128.load(below), derivative(v128.load(activations), activation)));
  }
}

/** Two rows of errors against four rows of the kernel. */
function backwardTile(errors: usize, step: usize, w: usize, below: usize, belowStep: usize): void {
  const w1 = step;
  const w2 = 2 * step;
  const w3 = 3 * step;
  let a0 = f32x4.splat(0);
  let a1 = a0;
  let a2 = a0;
  let a3 = a0;
  let b0 = a0;
  let b1 = a0;
  let b2 = a0;
  let b3 = a0;
  for (const end = errors + step; errors < end; errors += 16, w += 16) {
    const first = v128.load(errors);
    const second = v128.load(errors + step);
    let part = v128.load(w);
    a0 = f32x4.add(a0, f32x4.mul(first, part));
    b0 = f32x4.add(b0, f32x4.mul(second, part));
    part = v128.load(w + w1);
    a1 = f32x4.add(a1, f32x4.mul(first, part));
    b1 = f32x4.add(b1, f32x4.mul(second, part));
    part = v128.load(w + w2);
    a2 = f32x4.add(a2, f32x4.mul(first, part));
    b2 = f32x4.add(b2, f32x4.mul(second, part));
    part = v128.load(w + w3);
    a3 = f32x4.add(a3, f32x4.mul(first, part));
    b3 = f32x4.add(b3, f32x4.mul(second, part));
  }
  v128.store(below, laneSums(a0, a1, a2, a3));
  v128.store(below + belowStep, laneSums(b0, b1, b2, b3));
}

/** The sum over each vector's lanes, as one vector. */
function laneSums(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(f32x4.shuffle(a, b, 0, 4, 1, 5), f32x4.shuffle(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(f32x4.shuffle(c, d, 0, 4, 1, 5), f32x4.shuffle(c, d, 2, 6, 3, 7));
  return f32x4.add(f32x4.shuffle(ab, cd, 0, 1, 4, 5), f32x4.shuffle(ab, cd, 2, 3, 6, 7));
}

function derivative(activation: v128, kind: i32): v128 {
  const one = f32x4.splat(1);
  if (kind === 2) return f32x4.sub(one, f32x4.mul(activation, activation));
  return v128.and(one, f32x4.gt(activation, f32x4.splat(0)));
}

/**
 * Takes the step: parameter −= rate · Σ over rows of x ⊗ errors, for the kernel and, with x = 1, for the bias. Where `pull`
 * is not 0, also parameter −= pull · (parameter − start), with both as they were before.
 */
export function descend(
  x: usize,
  xStride: i32,
  errors: usize,
  stride: i32,
  kernel: usize,
  bias: usize,
  kernelStart: usize,
  biasStart: usize,
  rows: i32,
  rate: f32,
  pull: f32,
): void {
  const xStep = bytes(xStride);
  const step = bytes(stride);
  if (pull !== 0) {
    shrink(kernel, kernelStart, xStride * stride, pull);
    shrink(bias, biasStart, stride, pull);
  }
  for (let at: usize = 0; at < step; at += 16) {
    let sum = f32x4.splat(0);
    for (let row = 0; row < rows; row++) sum = f32x4.add(sum, v128.load(errors + row * step + at));
    subtract(bias + at, sum, f32x4.splat(rate));
  }
  for (let input: usize = 0; input < xStep; input += 16, kernel += 4 * step) {
    let at: usize = 0;
    for (; at + 32 <= step; at += 32) descendEight(x + input, xStep, errors + at, step, kernel + at, rows, rate);
    if (at < step) descendFour(x + input, xStep, errors + at, step, kernel + at, rows, rate);
  }
}

/** parameter −= pull · (parameter − start). */
function shrink(parameters: usize, start: usize, count: i32, pull: f32): void {
  const pulls = f32x4.splat(pull);
  for (const end = parameters + bytes(count); parameters < end; parameters += 16, start += 16) {
    subtract(parameters, f32x4.sub(v128.load(parameters), v128.load(start)), pulls);
  }
}

function subtract(at: usize, sum: v128, rate: v128): void {
  v128.store(at, f32x4.sub(v128.load(at), f32x4.mul(rate, sum)));
}

/** Four inputs by eight outputs. */
function descendEight(x: usize, xStep: usize, errors: usize, step: usize, w: usize, rows: i32, rate: f32): void {
  let a0 = f32x4.splat(0);
  let b0 = a0;
  let a1 = a0;
  let b1 = a0;
  let a2 = a0;
  let b2 = a0;
  let a3 = a0;
  let b3 = a0;
  for (let row = 0; row < rows; row++, x += xStep, errors += step) {
    const ea = v128.load(errors);
    const eb = v128.load(errors, 16);
    let value = v128.load32_splat(x);
    a0 = f32x4.add(a0, f32x4.mul(value, ea));
    b0 = f32x4.add(b0, f32x4.mul(value, eb));
    value = v128.load32_splat(x, 4);
    a1 = f32x4.add(a1, f32x4.mul(value, ea));
    b1 = f32x4.add(b1, f32x4.mul(value, eb));
    value = v128.load32_splat(x, 8);
    a2 = f32x4.add(a2, f32x4.mul(value, ea));
    b2 = f32x4.add(b2, f32x4.mul(value, eb));
    value = v128.load32_splat(x, 12);
    a3 = f32x4.add(a3, f32x4.mul(value, ea));
    b3 = f32x4.add(b3, f32x4.mul(value, eb));
  }
  const rates = f32x4.splat(rate);
  subtract(w, a0, rates);
  subtract(w + 16, b0, rates);
  w += step;
  subtract(w, a1, rates);
  subtract(w + 16, b1, rates);
  w += step;
  subtract(w, a2, rates);
  subtract(w + 16, b2, rates);
  w += step;
  subtract(w, a3, rates);
  subtract(w + 16, b3, rates);
}

/** Four inputs by four outputs. */
function descendFour(x: usize, xStep: usize, errors: usize, step: usize, w: usize, rows: i32, rate: f32): void {
  let a0 = f32x4.splat(0);
  let a1 = a0;
  let a2 = a0;
  let a3 = a0;
  for (let row = 0; row < rows; row++, x += xStep, errors += step) {
    const e = v128.load(errors);
    a0 = f32x4.add(a0, f32x4.mul(v128.load32_splat(x), e));
    a1 = f32x4.add(a1, f32x4.mul(v128.load32_splat(x, 4), e));
    a2 = f32x4.add(a2, f32x4.mul(v128.load32_splat(x, 8), e));
    a3 = f32x4.add(a3, f32x4.mul(v128.load32_splat(x, 12), e));
  }
  const rates = f32x4.splat(rate);
  subtract(w, a0, rates);
  subtract(w + step, a1, rates);
  subtract(w + 2 * step, a2, rates);
  subtract(w + 3 * step, a3, rates);
}

/** values −= others, for a whole number of lanes. */
export function subtractFrom(values: usize, others: usize, count: i32): void {
  for (const end = values + bytes(count); values < end; values += 16, others += 16) {
    v128.store(values, f32x4.sub(v128.load(values), v128.load(others)));
  }
}

/** The sum of squares in float64: four sums side by side, what is left over in the first, and the sum of those in their order. */
export function squares(values: usize, count: i32): f64 {
  let low = f64x2.splat(0);
  let high = low;
  const end = values + bytes(count);
  const lanesEnd = values + bytes(count & ~3);
  for (; values < lanesEnd; values += 16) {
    const four = v128.load(values);
    const first = f64x2.promote_low_f32x4(four);
    const second = f64x2.promote_low_f32x4(v128.shuffle<i64>(four, four, 1, 1));
    low = f64x2.add(low, f64x2.mul(first, first));
    high = f64x2.add(high, f64x2.mul(second, second));
  }
  let sum = f64x2.extract_lane(low, 0);
  for (; values < end; values += 4) sum += <f64>load<f32>(values) * <f64>load<f32>(values);
  return sum + f64x2.extract_lane(low, 1) + f64x2.extract_lane(high, 0) + f64x2.extract_lane(high, 1);
}

/** values *= factor, each product in float64 before it is rounded. */
export function scale(values: usize, count: i32, factor: f64): void {
  const factors = f64x2.splat(factor);
  const end = values + bytes(count);
  const lanesEnd = values + bytes(count & ~3);
  for (; values < lanesEnd; values += 16) {
    const four = v128.load(values);
    const low = f64x2.mul(f64x2.promote_low_f32x4(four), factors);
    const high = f64x2.mul(f64x2.promote_low_f32x4(v128.shuffle<i64>(four, four, 1, 1)), factors);
    const both = v128.shuffle<i64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2);
    v128.store(values, both);
  }
  for (; values < end; values += 4) store<f32>(values, <f32>(<f64>load<f32>(values) * factor));
}

/** 1 − 2/(e^2x + 1): wrong by some 10^-7 at most. */
function tanh(x: v128): v128 {
  const one = f32x4.splat(1);
  return f32x4.sub(one, f32x4.div(f32x4.splat(2), f32x4.add(exp(f32x4.add(x, x)), one)));
}

/**
 * e^x = 2^n · e^r with |r| ≤ ½ ln 2, where a polynomial of degree 7 is right to the last bit or two (Cephes, expf; Moshier
 * 1989). Beyond what float32 holds it stays at the ends of the range.
 */
function exp(x: v128): v128 {
  x = f32x4.max(f32x4.splat(-87.33654), f32x4.min(f32x4.splat(88.02969), x));
  const n = f32x4.nearest(f32x4.mul(x, f32x4.splat(Mathf.LOG2E)));
  let r = f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(-2.1219444e-4)));
  let p = f32x4.splat(1.98756915e-4);
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.3981999507e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(8.3334519073e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(4.1665795894e-2));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.6666665459e-1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(5.0000001201e-1));
  p = f32x4.add(f32x4.mul(p, f32x4.mul(r, r)), f32x4.add(r, f32x4.splat(1)));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return f32x4.mul(p, power);
}

function copy(from: usize, to: usize, width: i32): void {
  const lanesEnd = to + bytes(width & ~3);
  const end = to + bytes(width);
  for (; to < lanesEnd; to += 16, from += 16) v128.store(to, v128.load(from));
  for (; to < end; to += 4, from += 4) store<f32>(to, load<f32>(from));
}

function bytes(count: i32): usize {
  return (<usize>count) << 2;
}
