/** Stochastic rounding of scaled numbers, and the sum of what it gives, four numbers at a time; addresses are in bytes. */

/** The sum of squares in float64: four sums side by side, what is left over in the first, and the sum of those in their order. */
export function squares(values: usize, count: i32): f64 {
  let low = f64x2.splat(0);
  let high = low;
  const end = values + bytes(count);
  const blocksEnd = values + bytes(count & ~3);
  for (; values < blocksEnd; values += 16) {
    const four = v128.load(values);
    const first = f64x2.promote_low_f32x4(four);
    const second = f64x2.promote_low_f32x4(upper(four));
    low = f64x2.add(low, f64x2.mul(first, first));
    high = f64x2.add(high, f64x2.mul(second, second));
  }
  let sum = f64x2.extract_lane(low, 0);
  for (; values < end; values += 4) sum += <f64>load<f32>(values) * <f64>load<f32>(values);
  return sum + f64x2.extract_lane(low, 1) + f64x2.extract_lane(high, 0) + f64x2.extract_lane(high, 1);
}

/** Whether all products with the scale are whole. */
export function isWhole(values: usize, count: i32, scale: f64): i32 {
  for (const end = values + bytes(count); values < end; values += 4) {
    const step = <f64>load<f32>(values) * scale;
    if (step !== floor(step)) return 0;
  }
  return 1;
}

/**
 * Each product with the scale rounded down, or up where its draw of 32 bits is below its fractional part.
 *
 * @returns the sum of squares: exact below 2^53
 */
export function round(values: usize, draws: usize, integers: usize, count: i32, scale: f64): f64 {
  const scales = f64x2.splat(scale);
  let squares = f64x2.splat(0);
  const end = values + bytes(count);
  const blocksEnd = values + bytes(count & ~3);
  for (; values < blocksEnd; values += 16, draws += 16, integers += 16) {
    const four = v128.load(values);
    const drawn = v128.load(draws);
    const low = rounded(f64x2.mul(f64x2.promote_low_f32x4(four), scales), f64x2.convert_low_i32x4_u(drawn));
    const high = rounded(
      f64x2.mul(f64x2.promote_low_f32x4(upper(four)), scales),
      f64x2.convert_low_i32x4_u(upper(drawn)),
    );
    squares = f64x2.add(squares, f64x2.mul(low, low));
    squares = f64x2.add(squares, f64x2.mul(high, high));
    const whole = v128.shuffle<i64>(i32x4.trunc_sat_f64x2_s_zero(low), i32x4.trunc_sat_f64x2_s_zero(high), 0, 2);
    v128.store(integers, whole);
  }
  let total = f64x2.extract_lane(squares, 0) + f64x2.extract_lane(squares, 1);
  for (; values < end; values += 4, draws += 4, integers += 4) {
    const step = <f64>load<f32>(values) * scale;
    const below = floor(step);
    const whole = <f64>load<u32>(draws) < (step - below) * 4294967296 ? below + 1 : below;
    store<i32>(integers, <i32>whole);
    total += whole * whole;
  }
  return total;
}

function rounded(steps: v128, draws: v128): v128 {
  const below = f64x2.floor(steps);
  const isUp = f64x2.lt(draws, f64x2.mul(f64x2.sub(steps, below), f64x2.splat(4294967296)));
  return f64x2.add(below, v128.and(isUp, f64x2.splat(1)));
}

function upper(four: v128): v128 {
  return v128.shuffle<i64>(four, four, 1, 1);
}

export function add(sum: usize, integers: usize, count: i32): void {
  const end = sum + bytes(count);
  const blocksEnd = sum + bytes(count & ~3);
  for (; sum < blocksEnd; sum += 16, integers += 16) {
    v128.store(sum, i32x4.add(v128.load(sum), v128.load(integers)));
  }
  for (; sum < end; sum += 4, integers += 4) store<i32>(sum, load<i32>(sum) + load<i32>(integers));
}

function bytes(count: i32): usize {
  return (<usize>count) << 2;
}
