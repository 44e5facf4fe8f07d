import { describe, expect, it } from 'vitest';
import { bytes, fromHex, hex } from '../bytes.ts';
import { inclusionPath, leafHash, merkleRoot, rootOfInclusion } from './merkle.ts';

describe('the Merkle tree hash', () => {
  // The test tree of the reference implementation of RFC 6962.
  const leaves = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
  const roots = [
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ];

  it.each(roots.map((root, count) => ({ root, count })))('gives the known root over $count leaves', ({
    root,
    count,
  }) => {
    const hashes = leaves.slice(0, count).map((leaf) => leafHash(fromHex(leaf)));
    expect(hex(merkleRoot(hashes))).toBe(root);
  });

  it('differs when two leaves change places', () => {
    const [a, b] = [leafHash(bytes(1)), leafHash(bytes(2))];
    expect(merkleRoot([a, b])).not.toEqual(merkleRoot([b, a]));
  });

  it('shows every leaf of every size by its path, and no other leaf, place or size', () => {
    for (let size = 1; size <= 20; size++) {
      const hashes = Array.from({ length: size }, (_, i) => leafHash(Uint8Array.of(i)));
      const root = merkleRoot(hashes);
      for (const [index, leaf] of hashes.entries()) {
        const path = inclusionPath(hashes, index);
        expect(path.length).toBeLessThanOrEqual(Math.ceil(Math.log2(size)));
        expect(rootOfInclusion(leaf, { index, size, path })).toEqual(root);
        expect(rootOfInclusion(leafHash(Uint8Array.of(99)), { index, size, path })).not.toEqual(root);
        if (size > 1) expect(rootOfInclusion(leaf, { index: (index + 1) % size, size, path })).not.toEqual(root);
        expect(rootOfInclusion(leaf, { index, size, path: [...path, root] })).toBeUndefined();
      }
    }
  });
});
