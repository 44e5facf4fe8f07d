/** What the laboratory reads from its environment. */

/** Folder with the data sets' files, if there is one; `--data` flags that name a folder come before it. */
export function dataDirectory(): string | undefined {
  return process.env.CHORALE_DATA_DIR || undefined;
}
