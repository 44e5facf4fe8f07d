import { defineConfig } from 'vitest/config';

// Not `import`: vitest hands these to Node as well, where `require` would then load ES modules (ws, for one).
const conditions = ['development', 'node', 'module', 'default'];

/** Tests run on sources: the `development` condition resolves every door to its `.ts` file. */
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['{shared,client,coordinator,simulations}/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    execArgv: ['--conditions=development'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
