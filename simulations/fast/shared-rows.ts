/** Rows whose features threads share: sending them to another thread copies no number. */

type Featured = { readonly features: Float32Array };

/** The same devices; examples with features have them in one memory, a device's one behind the other. */
export function inSharedMemory<Example>(devices: readonly (readonly Example[])[]): readonly (readonly Example[])[] {
  const length = devices.flat().reduce((sum, row) => sum + (isFeatured(row) ? row.features.length : 0), 0);
  const memory = new Float32Array(new SharedArrayBuffer(4 * length));
  let at = 0;
  const shared = (row: Example): Example => {
    if (!isFeatured(row)) return row;
    memory.set(row.features, at);
    at += row.features.length;
    return { ...row, features: memory.subarray(at - row.features.length, at) };
  };
  return devices.map((rows) => rows.map(shared));
}

function isFeatured(row: unknown): row is Featured {
  return typeof row === 'object' && row !== null && 'features' in row && row.features instanceof Float32Array;
}
