/**
 * Online Shoppers Purchasing Intention: 12,330 sessions of as many people at an online shop, each with whether it ended in a
 * purchase (C. O. Sakar, Y. Kastro, UCI Machine Learning Repository, data set 468, 2018; CC BY 4.0).
 */

import { ChoraleError } from '@chorale/shared';
import type { LabelledRow } from '@chorale/shared/algorithms';
import type { FeatureGrid } from '@chorale/shared/features';
import { contentOf, notFound, type Place, type Source } from './source.ts';

const source: Source = {
  file: 'online-shoppers.csv.gz',
  title: 'Online Shoppers (UCI, CC BY 4.0)',
  sha256: '44b29f6ac84d6491bcf8d78e3cd544c10df910fe518293454174876f25956c4f',
  home: {
    url: 'https://archive.ics.uci.edu/static/public/468/online+shoppers+purchasing+intention+dataset.zip',
    entry: /online_shoppers_intention\.csv$/,
  },
};

type Column = {
  readonly name: string;
  readonly lo: number;
  readonly hi: number;
  /** NaN for what the column cannot hold. */
  readonly read: (text: string) => number;
  /** Whole numbers that name something: between two of them there is nothing. */
  readonly isCategory?: true;
};

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'June', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const visitors: Readonly<Record<string, number>> = { New_Visitor: 0, Other: 1, Returning_Visitor: 2 };

const log = (name: string, hi: number): Column => ({ name, lo: 0, hi, read: (text) => Math.log1p(numberOf(text)) });
const category = (name: string, lo: number, hi: number, read = numberOf): Column => ({
  ...{ name, lo, hi, read, isCategory: true },
});
const plain = (name: string, lo: number, hi: number): Column => ({ name, lo, hi, read: numberOf });

/**
 * Without `PageValues`: what a page had earned is averaged over visits that include this one's own outcome. Bounds are
 * declared, not learned.
 */
const columns: readonly Column[] = [
  log('Administrative', 4),
  log('Administrative_Duration', 9),
  log('Informational', 4),
  log('Informational_Duration', 9),
  log('ProductRelated', 7),
  log('ProductRelated_Duration', 12),
  plain('BounceRates', 0, 0.2),
  plain('ExitRates', 0, 0.2),
  plain('SpecialDay', 0, 1),
  category('Month', 1, 12, (text) => months.indexOf(text) + 1 || Number.NaN),
  category('OperatingSystems', 1, 8),
  category('Browser', 1, 13),
  category('Region', 1, 9),
  category('TrafficType', 1, 20),
  category('VisitorType', 0, 2, (text) => visitors[text] ?? Number.NaN),
  { name: 'Weekend', lo: 0, hi: 1, read: truthOf },
];

export const shopperGrid: FeatureGrid = {
  bounds: { lower: columns.map(({ lo }) => lo), upper: columns.map(({ hi }) => hi) },
  cells: 256,
};

/** The same session for a linear model: an indicator for each value of a category. */
export function withIndicators({ features, label }: LabelledRow): LabelledRow {
  const numbers = columns.flatMap(({ lo, hi, isCategory }, i) =>
    isCategory ? Array.from({ length: hi - lo + 1 }, (_, value) => Number(features[i] === lo + value)) : features[i]!,
  );
  return { features: Float32Array.from(numbers), label };
}

/** @throws ChoraleError `not-found` where it is nowhere; `invalid-input` if the copy was altered */
export async function loadOnlineShoppers(place: Place): Promise<readonly LabelledRow[]> {
  const content = await contentOf(source, place);
  if (content === undefined) throw new ChoraleError('not-found', `nothing to reproduce: ${notFound(source, place)}`);
  return parseOnlineShoppers(content);
}

/** @throws ChoraleError `invalid-input`, naming the column that is missing or the first malformed line */
export function parseOnlineShoppers(text: string): LabelledRow[] {
  const [heading = '', ...lines] = text.trimEnd().split(/\r?\n/);
  const names = heading.split(',');
  const placeOf = (name: string) => {
    const place = names.indexOf(name);
    if (place < 0) throw new ChoraleError('invalid-input', `online-shoppers: no column ${name}`);
    return place;
  };
  const places = columns.map(({ name }) => placeOf(name));
  const outcome = placeOf('Revenue');
  return lines.map((line, index) => {
    const fields = line.split(',');
    const features = Float32Array.from(columns, ({ read }, i) => read(fields[places[i]!] ?? ''));
    const label = truthOf(fields[outcome] ?? '');
    if (fields.length !== names.length || Number.isNaN(label) || features.some(Number.isNaN))
      throw new ChoraleError('invalid-input', `online-shoppers, line ${index + 2}: malformed`);
    return { features, label };
  });
}

function numberOf(text: string): number {
  return text === '' ? Number.NaN : Number(text);
}

function truthOf(text: string): number {
  return text === 'TRUE' ? 1 : text === 'FALSE' ? 0 : Number.NaN;
}
