/** While the database takes connections but does not answer, every call is refused in time. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestApi } from '../support/api.ts';
import { callsThatAsk, startApiOn } from '../support/away.ts';
import { timed } from '../support/calibration.ts';
import { startMutePostgres } from '../support/fake-postgres.ts';

describe('while the database does not answer', () => {
  let api: TestApi;
  let end: () => Promise<void>;
  beforeAll(async () => {
    ({ api, end } = await startApiOn(await startMutePostgres()));
  });
  afterAll(() => end());

  test.concurrent.each(callsThatAsk)('%s says so in time', async (_call, call) => {
    const { value: response, ms, allowanceMs } = await timed(() => call(api.url));

    expect(response.status).toBe(503);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(ms).toBeGreaterThanOrEqual(4_000);
    expect(ms).toBeLessThan(6_000 + allowanceMs);
  });

  test.concurrent('it lives, but is not ready', async () => {
    const [health, ready] = await Promise.all([fetch(`${api.url}/healthz`), fetch(`${api.url}/readyz`)]);

    expect([health.status, ready.status]).toEqual([200, 503]);
  });
});
