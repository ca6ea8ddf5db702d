/** What a task's JSON says of how long its work usually takes. */
import { expect, test } from 'vitest';
import { foldTally } from '../../src/tasks/tally/fold.ts';
import { postJson, startApi, taskOf } from '../support/api.ts';
import { addTallied } from '../support/tally.ts';
import { startWorker, takeAll } from '../support/tasks.ts';

interface UsualBody {
  readonly startedAt: string | null;
  readonly usualSeconds: unknown;
  readonly overdueAt: string | null;
}

test('nothing before five runs have succeeded, and from then on what each attempt began with', async () => {
  await using api = await startApi();
  const { store } = api;
  const workerId = await startWorker(store);
  const begin = async () => {
    const { links } = await taskOf(await postJson(`${api.url}/tasks`, { type: 'noop' }));
    const read = async () => (await (await fetch(api.url + links.self)).json()) as UsualBody;
    const queued = await read();
    expect([queued.usualSeconds, queued.overdueAt]).toEqual([null, null]);
    await takeAll(store, workerId);
    // The memory that polls are answered from is renewed once a tick.
    const isRunning = await fetch(`${api.url}${links.self}?after=1`, { headers: { prefer: 'wait=60' } });
    expect(isRunning.status).toBe(200);
    return read;
  };

  await addTallied(store, 'noop', [[60_000, 61_000, 62_000, 63_000]]);
  await foldTally(store.db.pool);
  const early = await (await begin())();
  await addTallied(store, 'noop', [[64_000, 65_000, 66_000, 67_000, 68_000]]);
  await foldTally(store.db.pool);
  const read = await begin();
  const later = await read();
  await addTallied(store, 'noop', [[500_000]]);
  await foldTally(store.db.pool);

  expect(early).toMatchObject({ startedAt: expect.any(String), usualSeconds: null, overdueAt: null });
  expect(later.usualSeconds).toEqual({ p50: 64, p90: 68, n: 9 });
  expect(Date.parse(later.overdueAt ?? '') - Date.parse(later.startedAt ?? '')).toBe(68_000);
  expect(await read()).toEqual(later);
});
