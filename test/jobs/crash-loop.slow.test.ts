import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../src/tasks/store.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openStore, TestService } from '../support/service.ts';

const crashingJobs = path.join(import.meta.dirname, '../support/crashing-jobs');

describe('runners that crash soon after they are ready', () => {
  let database: TestDatabase;
  let store: Store & { close(): Promise<void> };
  let service: TestService;

  beforeEach(async () => {
    database = await createTestDatabase();
    store = await openStore(database.url);
    service = await TestService.start(store, { folders: [crashingJobs] });
  });

  afterEach(async () => {
    await service.stop();
    await store.close();
    await database.drop();
  });

  it('are not started in a loop: the next waits for a while', async () => {
    await eventually(() => service.supervisor.exits.of('died') === 2);
    const runnersThen = service.supervisor.census('shared').runners;

    await eventually(() => service.supervisor.exits.of('died') === 3);

    expect(runnersThen).toBe(0);
  });
});
