import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Reaper } from '../../../src/tasks/reaper/reaper.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { addFinished } from '../../support/finished.ts';
import { freshTime } from '../../support/leases.ts';
import { type Plan, plansOf, recordPlans, scansOf } from '../../support/plans.ts';
import { administer } from '../../support/server.ts';
import { openStore } from '../../support/service.ts';
import { addUnfinished } from '../../support/unfinished.ts';

const queued = 1_500;
const running = 500;

describe('a pass of all of the reaper’s checks over 20,000 finished tasks, with fresh statistics of the planner', () => {
  let database: TestDatabase;
  let store: Awaited<ReturnType<typeof openStore>>;
  let reaper: Reaper;
  let plans: Plan[];

  beforeAll(async () => {
    database = await createTestDatabase();
    await recordPlans(database.url);
    store = await openStore(database.url);
    await administer(database.url, async (client) => {
      await addFinished(client, { count: 20_000 });
      await addUnfinished(client, { queued, running, finishedEntries: 20_000 });
      await client.query('ANALYZE');
    });
    reaper = new Reaper({ store, leaseSeconds: 15, log: pino({ level: 'silent' }) });
    plans = await plansOf(store, pass);
  });
  afterAll(async () => {
    await store.close();
    await database.drop();
  });

  async function pass(): Promise<void> {
    await reaper.takeFromTheDead(await freshTime(store));
    await reaper.repairQueue();
  }

  it('finds nothing to repair', () => {
    expect(reaper.repairs.total).toBe(0);
  });

  it.each(['task_state', 'job_common'])('reads %s by its indexes alone', (table) => {
    const kinds = plans.flatMap((plan) => scansOf(plan, table)).map((scan) => scan.kind);

    expect(kinds.length).toBeGreaterThan(0);
    expect(kinds).not.toContain('Seq Scan');
  });

  it.each([
    ['task_state', queued + running],
    ['job_common', queued],
  ])('reads only rows of %s that are unfinished, in every statement', (table, unfinished) => {
    const rowsRead = plans.map((plan) => scansOf(plan, table).reduce((sum, scan) => sum + scan.rows, 0));

    expect(Math.max(...rowsRead)).toBeLessThanOrEqual(unfinished);
  });
});
