/**
 * Finds a data set: first in a folder, then at its public home, and where there is neither, invents people and says so.
 * An altered copy is refused, never used and never replaced: results would silently mean something else.
 */

import { ChoraleError, hex } from '@chorale/shared';
import { sha256 } from '@chorale/shared/crypto';
import { download, readGzipped, unzipEntry } from '../adapters/data-files.ts';
import { syntheticCustomers } from '../population/synthetic.ts';
import { cdnowSha256, parseCdnow } from './cdnow.ts';
import type { Customer, Dataset, DatasetName } from './dataset.ts';
import { onlineRetailSha256, parseOnlineRetail } from './online-retail.ts';
import { endOfObservation } from './tasks.ts';

export type DataChoice = 'auto' | DatasetName;

export type LocateOptions = {
  /** Folder with `online-retail.csv.gz` and `cdnow.txt.gz`. */
  readonly directory?: string | undefined;
  /** Of the synthetic population, if it comes to that. */
  readonly seed?: string | number;
  readonly isOffline?: boolean;
};

type Source = {
  readonly file: string;
  readonly title: string;
  readonly sha256: string;
  readonly parse: (text: string) => Customer[];
  /** Where the very same content can be had without a form or a conversion. */
  readonly home?: { readonly url: string; readonly entry: RegExp };
};

const sources: Readonly<Record<Exclude<DatasetName, 'synthetic'>, Source>> = {
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

const downloadTimeoutMs = 5000;

/**
 * @param choice `auto` is Online Retail
 * @throws ChoraleError `invalid-input` if a copy was found that is not the original, or cannot be read
 */
export async function locateDataset(choice: DataChoice, options: LocateOptions = {}): Promise<Dataset> {
  const name = choice === 'auto' ? 'online-retail' : choice;
  if (name === 'synthetic') return synthetic('synthetic population, as asked for: nobody in it exists', options);
  const source = sources[name];
  const content = (await inFolder(source, options)) ?? (await atHome(source, options));
  if (content === undefined) return synthetic(notFound(source, options), options);
  verify(source, content);
  const customers = source.parse(new TextDecoder().decode(content));
  return { name, origin: source.title, customers, seenUntil: endOfObservation[name] };
}

async function inFolder({ file }: Source, { directory }: LocateOptions): Promise<Uint8Array | undefined> {
  return directory === undefined ? undefined : readGzipped(`${directory}/${file}`);
}

async function atHome({ home }: Source, { isOffline = false }: LocateOptions): Promise<Uint8Array | undefined> {
  if (home === undefined || isOffline) return undefined;
  const archive = await download(home.url, downloadTimeoutMs);
  return archive && unzipEntry(archive, (name) => home.entry.test(name));
}

function verify({ file, sha256: expected }: Source, content: Uint8Array): void {
  if (hex(sha256(content)) === expected) return;
  throw new ChoraleError(
    'invalid-input',
    `this copy of ${file} was altered: its content does not have the known sha256`,
  );
}

function notFound({ file, title, home }: Source, { directory }: LocateOptions): string {
  const where = directory === undefined ? 'CHORALE_DATA_DIR names no folder' : `there is no ${file} in ${directory}`;
  const nor = home === undefined ? '' : `, and ${new URL(home.url).host} did not deliver it`;
  return `SYNTHETIC population, nobody in it exists: ${title} was not found (${where}${nor})`;
}

function synthetic(origin: string, { seed = 1 }: LocateOptions): Dataset {
  return { name: 'synthetic', origin, customers: syntheticCustomers({ seed }), seenUntil: endOfObservation.synthetic };
}
