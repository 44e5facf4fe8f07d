/** What hidden units make of their sums. */

export function activate(activation: 'relu' | 'tanh', sums: Float64Array): void {
  for (let i = 0; i < sums.length; i++) sums[i] = activation === 'relu' ? Math.max(0, sums[i]!) : Math.tanh(sums[i]!);
}
