/** Finds people and what they bought: in a file or at its public home, and where there is neither, invents them and says so. */

import { syntheticCustomers } from '../population/synthetic.ts';
import { syntheticVisitors } from '../population/visits.ts';
import { cdnowSha256, parseCdnow } from './cdnow.ts';
import type { Customer, Dataset, DatasetName } from './dataset.ts';
import { onlineRetailSha256, parseOnlineRetail } from './online-retail.ts';
import { contentOf, notFound, type Place, type Source } from './source.ts';
import { endOfObservation } from './tasks.ts';

export type DataChoice = 'auto' | DatasetName;

export type LocateOptions = Place & {
  /** Of the synthetic population, if it comes to that. */
  readonly seed?: string | number;
};

type Log = Source & { readonly parse: (text: string) => Customer[] };

const sources: Readonly<Record<Exclude<DatasetName, 'synthetic' | 'synthetic-visits'>, Log>> = {
  'online-retail': {
    // UCI publishes a spreadsheet: there is no plain download of these lines.
    file: 'online-retail.csv.gz',
    title: 'Online Retail (UCI, CC0)',
    sha256: onlineRetailSha256,
    parse: parseOnlineRetail,
  },
  cdnow: {
    file: 'cdnow.txt.gz',
    title: 'CDNOW master (Fader and Hardie 2001)',
    sha256: cdnowSha256,
    parse: parseCdnow,
    home: { url: 'http://brucehardie.com/datasets/CDNOW_master.zip', entry: /CDNOW_master\.txt$/ },
  },
};

/**
 * @param choice `auto` is Online Retail
 * @throws ChoraleError `invalid-input` if a copy was found that is not the original, or cannot be read
 */
export async function locateDataset(choice: DataChoice, options: LocateOptions = {}): Promise<Dataset> {
  const name = choice === 'auto' ? 'online-retail' : choice;
  if (name === 'synthetic') return synthetic('synthetic population, as asked for: nobody in it exists', options);
  if (name === 'synthetic-visits') return syntheticVisits(options);
  const source = sources[name];
  const content = await contentOf(source, options);
  if (content === undefined)
    return synthetic(`SYNTHETIC population, nobody in it exists: ${notFound(source, options)}`, options);
  return { name, origin: source.title, customers: source.parse(content), seenUntil: endOfObservation[name] };
}

function synthetic(origin: string, { seed = 1 }: LocateOptions): Dataset {
  return { name: 'synthetic', origin, customers: syntheticCustomers({ seed }), seenUntil: endOfObservation.synthetic };
}

function syntheticVisits({ seed = 1 }: LocateOptions): Dataset {
  const name = 'synthetic-visits';
  const origin = 'synthetic population with visits, views and carts, as asked for: nobody in it exists';
  return { name, origin, customers: syntheticVisitors({ seed }), seenUntil: endOfObservation[name] };
}
