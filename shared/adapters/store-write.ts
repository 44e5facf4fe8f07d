import type { StoreWrite } from '../ports.ts';

/** A write whose value no caller can change any more. (`slice` would not do: Node's Buffer slices share memory.) */
export function copyOfWrite(write: StoreWrite): StoreWrite {
  return write.do === 'put' ? { do: 'put', key: write.key, value: new Uint8Array(write.value) } : write;
}
