import path from 'node:path';
import { defineConfig } from 'vitest/config';
import { testLimitMs } from './test/support/patience.ts';
import { SlowFirst } from './test/support/slow-first.ts';

// Many tests start the service, and compiling the same code takes a third of that time. So the compiled code
// is cached.
process.env.NODE_COMPILE_CACHE ??= path.resolve('node_modules/.cache/headway');

const slow = 'test/**/*.slow.test.ts';

/**
 * `npm test` runs the tests that need not wait in real time. `--mode slow` runs the others, and `--mode all`
 * runs all.
 */
export default defineConfig(({ mode }) => ({
  test: {
    environment: 'node',
    include: [mode === 'slow' ? slow : 'test/**/*.test.ts'],
    exclude: mode === 'slow' || mode === 'all' ? [] : [slow],
    globalSetup: 'test/support/global-setup.ts',
    setupFiles: 'test/support/run/setup-worker.ts',
    pool: 'forks',
    // Test files share processes, so that the code is loaded once. So no test may leave anything behind in
    // the state of a module.
    isolate: false,
    // Node itself runs the TypeScript code, as it does outside of tests.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    // Slow tests get more workers than there are cores, because they mostly wait for leases, outages and
    // browsers.
    maxWorkers: mode === 'slow' || mode === 'all' ? 4 : 2,
    sequence: { sequencer: SlowFirst },
    testTimeout: testLimitMs,
    hookTimeout: testLimitMs,
    teardownTimeout: testLimitMs,
    ...(process.env.CI_JSON
      ? { reporters: ['default', 'json'], outputFile: { json: process.env.CI_JSON } }
      : {}),
    coverage: { include: ['src/**/*.ts'], exclude: ['src/generated/**'] },
  },
}));
