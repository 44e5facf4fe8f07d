/** What a benchmark says, and how it is said: as lines of JSON, or as a table. */

/** One measured case. Machines are noisy and differ, so the ratio to a control of the same run counts most. */
export type Measurement = {
  readonly name: string;
  readonly value: number;
  readonly unit: 's' | 'ms' | Rate;
  /** The same unit: what the control took or reached in this run. */
  readonly control: number;
  /** Which control. */
  readonly against: string;
};

const rates = ['GB/s', '1/s', 'updates/s'] as const;
type Rate = (typeof rates)[number];

export type BenchOptions = {
  /** Fewer repetitions, and none of the cases that take long. */
  readonly isQuick: boolean;
  /** Tells progress. */
  readonly note: (text: string) => void;
};

/** A family of cases; each is measured when it is asked for. @throws Error where a result is wrong */
export type BenchGroup = (options: BenchOptions) => AsyncIterable<Measurement>;

/** How many times worse than its control: times as they are, rates upside down. */
export function ratioOf({ value, control, unit }: Measurement): number {
  return isRate(unit) ? control / value : value / control;
}

export function jsonLine(measurement: Measurement): string {
  const { name, value, unit, control, against } = measurement;
  return JSON.stringify({
    name,
    value: rounded(value),
    unit,
    control: rounded(control),
    ratio: rounded(ratioOf(measurement)),
    against,
  });
}

export function tableLine(measurement: Measurement): string {
  const { name, value, unit, control, against } = measurement;
  const numbers = `${text(value)} ${unit.padEnd(10)}${text(ratioOf(measurement))} ×`;
  return `${name.padEnd(52)}${numbers}   ${rounded(control)} ${unit}: ${against}`;
}

function isRate(unit: Measurement['unit']): boolean {
  return rates.some((rate) => rate === unit);
}

function text(value: number): string {
  return String(rounded(value)).padStart(9);
}

/** Four digits say more than a noisy machine knows. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
