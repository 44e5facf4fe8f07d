/** A report on disk: the page, and its charts as images for slides. */

import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ChoraleError } from '@chorale/shared';
import { Resvg } from '@resvg/resvg-js';
import type { Chart } from '../report/charts.ts';

const imageWidth = 1120;

export async function writePage(path: string, html: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, html);
}

/** @returns the paths that were written, the page first */
export async function writeReport(folder: string, html: string, charts: readonly Chart[]): Promise<string[]> {
  const page = join(folder, 'report.html');
  await writePage(page, html);
  const images = charts.map(async ({ name, svg }) => {
    const path = join(folder, `${name}.png`);
    const options = {
      fitTo: { mode: 'width' as const, value: imageWidth },
      font: { defaultFontFamily: 'DejaVu Sans' },
    };
    await writeFile(path, new Resvg(svg, options).render().asPng());
    return path;
  });
  return [page, ...(await Promise.all(images))];
}

/** @throws ChoraleError `conflict` rather than overwrite a file */
export async function writeNew(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx' });
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') throw error;
    throw new ChoraleError('conflict', `${path} is there already: name another file`);
  }
}

/** The last part of a path, without the endings of tables. */
export function tableName(path: string): { readonly file: string; readonly stem: string } {
  const file = basename(path);
  return { file, stem: file.replace(/(\.(csv|tsv|txt|gz))+$/, '') };
}
