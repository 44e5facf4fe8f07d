import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { ChoraleError } from '@chorale/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { download, unzipEntry } from '../adapters/data-files.ts';
import { locateDataset } from './locate.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'chorale-data-'));
});
afterAll(() => rm(directory, { recursive: true }));

describe('a data set', () => {
  it.each([
    'auto',
    'online-retail',
    'cdnow',
  ] as const)('%s that is nowhere gives way to people who say so', async (name) => {
    const dataset = await locateDataset(name, { directory, isOffline: true, seed: 3 });
    expect(dataset.name).toBe('synthetic');
    expect(dataset.origin).toMatch(/^SYNTHETIC population/);
    expect(dataset.customers.length).toBeGreaterThan(1000);
  });

  it('of visits is invented only where it is asked for', async () => {
    const dataset = await locateDataset('synthetic-visits', { directory, isOffline: true, seed: 3 });
    expect(dataset.origin).toMatch(/nobody in it exists/);
    expect(dataset.customers.some(({ events }) => events.some(({ name }) => name === 'Product Viewed'))).toBe(true);
  });

  it('that was altered is refused', async () => {
    await writeFile(join(directory, 'cdnow.txt.gz'), gzipSync(' 00001 19970101  1   11.77\r\n'));
    await expect(locateDataset('cdnow', { directory, isOffline: true })).rejects.toThrow(/sha256/);
  });

  it('that is not even compressed is refused', async () => {
    await writeFile(join(directory, 'online-retail.csv.gz'), 'CustomerID,InvoiceDate');
    await expect(locateDataset('auto', { directory, isOffline: true })).rejects.toThrow(ChoraleError);
  });
});

describe('a download', () => {
  it('gives up where nobody answers', async () => {
    expect(await download('http://127.0.0.1:1/CDNOW_master.zip', 500)).toBeUndefined();
  });

  it('may be an archive, stored or deflated', () => {
    for (const isStored of [true, false]) {
      const archive = zip({ 'notes/read_me.txt': 'no', 'CDNOW_master.txt': ' 00001 …' }, isStored);
      const content = unzipEntry(archive, (name) => name.endsWith('master.txt'));
      expect(new TextDecoder().decode(content)).toBe(' 00001 …');
      expect(() => unzipEntry(archive, (name) => name === 'other.txt')).toThrow(/does not hold/);
    }
  });

  it('that is no archive is refused', () => {
    for (const bad of [
      new Uint8Array(0),
      new Uint8Array(100),
      new TextEncoder().encode('<html>moved</html>'.repeat(9)),
    ])
      expect(() => unzipEntry(bad, () => true)).toThrow(/not a readable zip/);
  });
});

/** The least archive that is one: local entries, central directory, end record; checksums left at zero. */
function zip(files: Readonly<Record<string, string>>, isStored: boolean): Uint8Array {
  const locals: Buffer[] = [];
  const directoryEntries: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const content = isStored ? Buffer.from(text) : deflateRawSync(Buffer.from(text));
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50);
    entry.writeUInt16LE(isStored ? 0 : 8, 10);
    entry.writeUInt32LE(content.length, 20);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(offset, 42);
    locals.push(local, Buffer.from(name), content);
    directoryEntries.push(entry, Buffer.from(name));
    offset += 30 + name.length + content.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, ...directoryEntries, end]);
}
