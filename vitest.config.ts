import path from 'node:path';
import { defineConfig } from 'vitest/config';
import { testLimitMs } from './test/support/patience.ts';
import { SlowFirst } from './test/support/slow-first.ts';

// Many tests start the service, and a third of what that takes is the compiling of the same code.
process.env.NODE_COMPILE_CACHE ??= path.resolve('node_modules/.cache/headway');

const slow = 'test/**/*.slow.test.ts';

/** `npm test` runs what needs no waiting in real time; `--mode slow` runs the rest, and `--mode all` both. */
export default defineConfig(({ mode }) => ({
  test: {
    environment: 'node',
    include: [mode === 'slow' ? slow : 'test/**/*.test.ts'],
    exclude: mode === 'slow' || mode === 'all' ? [] : [slow],
    globalSetup: 'test/support/global-setup.ts',
    setupFiles: 'test/support/run/setup-worker.ts',
    pool: 'forks',
    // Files share processes, which load the code once: no test may leave anything behind in its module's state.
    isolate: false,
    // Node itself runs the code, as it does outside of tests.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    // More than cores, as slow tests wait most of the time: for leases, outages and browsers.
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
