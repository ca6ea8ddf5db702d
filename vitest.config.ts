import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    environment: 'node',
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/global-setup.ts',
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    ...(process.env.CI_JSON
      ? { reporters: ['default', 'json'], outputFile: { json: process.env.CI_JSON } }
      : {}),
    coverage: { include: ['src/**/*.ts'], exclude: ['src/generated/**'] },
  },
});
