/** Sums of 32-bit words, four lanes at a time; addresses and lengths in bytes, lengths in whole words. */

export function add(sum: usize, term: usize, length: usize): void {
  const end = sum + length;
  const blocksEnd = sum + (length & ~63);
  for (; sum < blocksEnd; sum += 64, term += 64) {
    v128.store(sum, i32x4.add(v128.load(sum), v128.load(term)));
    v128.store(sum, i32x4.add(v128.load(sum, 16), v128.load(term, 16)), 16);
    v128.store(sum, i32x4.add(v128.load(sum, 32), v128.load(term, 32)), 32);
    v128.store(sum, i32x4.add(v128.load(sum, 48), v128.load(term, 48)), 48);
  }
  for (; sum < end; sum += 4, term += 4) store<u32>(sum, load<u32>(sum) + load<u32>(term));
}

export function subtract(sum: usize, term: usize, length: usize): void {
  const end = sum + length;
  const blocksEnd = sum + (length & ~63);
  for (; sum < blocksEnd; sum += 64, term += 64) {
    v128.store(sum, i32x4.sub(v128.load(sum), v128.load(term)));
    v128.store(sum, i32x4.sub(v128.load(sum, 16), v128.load(term, 16)), 16);
    v128.store(sum, i32x4.sub(v128.load(sum, 32), v128.load(term, 32)), 32);
    v128.store(sum, i32x4.sub(v128.load(sum, 48), v128.load(term, 48)), 48);
  }
  for (; sum < end; sum += 4, term += 4) store<u32>(sum, load<u32>(sum) - load<u32>(term));
}
