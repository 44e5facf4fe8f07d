/** A feature schema names the numbers a model reads, in order, with bounds that nobody has to learn from data. */

export type Feature<Name extends string = string> = {
  readonly name: Name;
  readonly unit: 'count' | 'money' | 'days' | 'minutes' | 'share' | 'hours' | 'ratio' | 'bits' | 'flag';
  /** Known raw values are clamped to [lo, hi] before scaling. */
  readonly lo: number;
  readonly hi: number;
  /** `log1p` tames the long tails of counts, money and days. */
  readonly scale: 'linear' | 'log1p';
  /** The raw value that stands for "cannot be known yet". Outside [lo, hi] no known value is mistaken for it. */
  readonly missing?: number;
  /** The feature of the same schema that is 1 where this one is missing, and 0 elsewhere. */
  readonly indicator?: string;
};

export type FeatureSchema<Name extends string = string> = {
  /** On the wire, e.g. `transactions/1`; any change of order, meaning or bounds is a new version. */
  readonly id: string;
  readonly features: readonly Feature<Name>[];
};

/** Where a feature's encoded values lie, missing ones too: what histograms divide into cells and moments are clipped by. */
export function encodedBounds(feature: Feature): { readonly lo: number; readonly hi: number } {
  const { lo, hi, missing = lo } = feature;
  return { lo: scaled(feature, Math.min(lo, missing)), hi: scaled(feature, Math.max(hi, missing)) };
}

/** Per feature the encoded value that stands for "cannot be known yet"; null where every value is known. */
export function missingValues(schema: FeatureSchema): (number | null)[] {
  return schema.features.map((feature) => (feature.missing === undefined ? null : scaled(feature, feature.missing)));
}

/** Raw values by feature; undefined where they cannot be known yet. */
export type RawValues<Name extends string> = Readonly<Partial<Record<Name, number | undefined>>>;

type KeyOf<Part> = Part extends unknown ? keyof Part : never;

/**
 * Raw values to the vector a model reads, in the schema's order.
 *
 * @param parts together name every feature; apart, since one object of them all would cost more than the rest of a row
 * @throws RangeError if a value is missing whose feature declares nothing for that case, or is not a number
 */
export function encodeFeatures<Name extends string, Parts extends readonly RawValues<Name>[]>(
  schema: FeatureSchema<Name>,
  ...parts: [Name] extends [KeyOf<Parts[number]>] ? Parts : never
): Float32Array<ArrayBuffer> {
  const row = new Float32Array(schema.features.length);
  for (const [i, feature] of schema.features.entries()) {
    let value: number | undefined;
    for (const part of parts) value ??= part[feature.name];
    row[i] = encoded(feature, value);
  }
  return row;
}

function encoded(feature: Feature, value: number | undefined): number {
  if (value === undefined && feature.missing !== undefined) return scaled(feature, feature.missing);
  if (value === undefined || Number.isNaN(value)) throw new RangeError(`no value for feature ${feature.name}`);
  return scaled(feature, Math.max(feature.lo, Math.min(feature.hi, value)));
}

function scaled({ scale }: Feature, value: number): number {
  return scale === 'log1p' ? Math.log1p(value) : value;
}
