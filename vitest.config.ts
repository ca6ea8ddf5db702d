import path from 'node:path';
import { defineConfig } from 'vitest/config';
import { SlowFirst } from './test/support/slow-first.ts';

// Many tests start the service, and a third of what that takes is the compiling of the same code.
process.env.NODE_COMPILE_CACHE ??= path.resolve('node_modules/.cache/headway');

export default defineConfig({
  test: {
    environment: 'node',
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/global-setup.ts',
    pool: 'forks',
    // More than cores: much of the time is spent waiting, for leases and outages.
    maxWorkers: 4,
    sequence: { sequencer: SlowFirst },
    // A shared machine may stand still for longer than a test's patience. What fails twice is a fault.
    retry: process.env.CI ? 1 : 0,
    // What is expected of time a test says itself.
    testTimeout: 90_000,
    hookTimeout: 90_000,
    ...(process.env.CI_JSON
      ? { reporters: ['default', 'json'], outputFile: { json: process.env.CI_JSON } }
      : {}),
    coverage: { include: ['src/**/*.ts'], exclude: ['src/generated/**'] },
  },
});
