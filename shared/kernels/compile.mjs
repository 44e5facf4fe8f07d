/**
 * `npm run kernels`: compiles every `assembly/*.ts` of the workspaces to a committed `*.wasm.ts` beside its folder, so that
 * installs and tests need no compiler. With `--check` it writes nothing and fails where a committed module is stale.
 */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const folders = ['shared/kernels', 'client/training'];
const largestModule = 10_000;
const isCheck = process.argv.includes('--check');

const stale = [];
for (const folder of folders) {
  const sources = readdirSync(join(root, folder, 'assembly')).filter((name) => name.endsWith('.ts'));
  for (const name of sources) await compile(join(root, folder), basename(name, '.ts'));
}
if (stale.length > 0) {
  console.error(`Stale kernels: ${stale.join(', ')}. Run \`npm run kernels\` and commit the result.`);
  process.exit(1);
}

async function compile(folder, name) {
  const flags = ['-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd', '--outFile', 'out.wasm'];
  let binary;
  const { error, stderr } = await asc.main([`assembly/${name}.ts`, ...flags, '--baseDir', folder], {
    writeFile: (file, contents) => {
      if (file.endsWith('.wasm')) binary = Buffer.from(contents);
    },
  });
  if (error) throw new Error(`${name} does not compile:\n${stderr}`);
  if (binary.length > largestModule) throw new Error(`${name}: ${binary.length} bytes are more than a kernel may have`);
  const path = join(folder, `${name}.wasm.ts`);
  const text = moduleText(name, binary);
  if (!isCheck) writeFileSync(path, text);
  else if (!isSame(path, text)) stale.push(relative(root, path));
}

function isSame(path, text) {
  try {
    return readFileSync(path, 'utf8') === text;
  } catch {
    return false;
  }
}

function moduleText(name, binary) {
  return `/** Compiled from assembly/${name}.ts by \`npm run kernels\`: ${binary.length} bytes. Not written by hand. */
export const ${name}Wasm =
  '${binary.toString('base64')}';
`;
}
