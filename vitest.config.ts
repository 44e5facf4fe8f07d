import { defineConfig } from 'vitest/config';

const conditions = ['development', 'node', 'import', 'module', 'default'];

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
