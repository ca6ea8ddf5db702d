import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EmbeddedPostgres } from '../../src/database/embedded/postgres.ts';
import type { Store } from '../../src/tasks/store.ts';
import { copyDataDir, killServer, startHere } from '../support/embedded.ts';
import { createEffectTable, openStore, TestService } from '../support/service.ts';
import { isFinished, isUnderWay } from '../support/task-states.ts';

// The chaos tests cover attempts that go on through an outage.
describe('when PostgreSQL goes away', () => {
  let dataDir: Awaited<ReturnType<typeof copyDataDir>>;
  let postgres: EmbeddedPostgres;
  let store: Store & { close(): Promise<void> };
  let service: TestService;

  beforeAll(async () => {
    dataDir = await copyDataDir();
    postgres = await startHere(dataDir.path);
    store = await openStore(postgres.url);
    await createEffectTable(store);
    service = await TestService.start(store, { leaseSeconds: 3 });
  });

  afterAll(async () => {
    await service.stop();
    await store.close();
    await postgres.stop();
    await dataDir[Symbol.asyncDispose]();
  });

  it('a submit during a restart is accepted or refused, and an accepted task is run', async () => {
    await killServer(dataDir.path);
    const refused = await service.submit('noop', null).then(
      () => false,
      () => true,
    );
    postgres = await startHere(dataDir.path);

    const { id } = await service.submit('noop', null);
    const task = await service.waitFor(id, isFinished);

    expect(refused).toBe(true);
    expect(task.status).toBe('succeeded');
  });

  it('a runner that starts during the outage takes tasks when PostgreSQL is back', async () => {
    const { id } = await service.submit('steps', { steps: 40, stepMs: 50 }, { maxAttempts: 1 });
    await service.waitFor(id, isUnderWay);
    const pid = await service.runnerPid();
    await killServer(dataDir.path);
    process.kill(pid, 'SIGKILL');
    // In this time the next runner tries to register more than once. If it starts later, the test is only
    // easier.
    await sleep(4_000);

    postgres = await startHere(dataDir.path);
    const next = await service.submit('noop', null);
    const task = await service.waitFor(next.id, isFinished);

    expect(task).toMatchObject({ status: 'succeeded', attempt: 1 });
    // It had saved its steps, so that the loss spends no try.
    expect(await service.waitFor(id, isFinished)).toMatchObject({ status: 'succeeded', failures: 0 });
  });
});
