import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../../src/tasks/store.ts';
import { giveUp } from '../../src/tasks/workers/workers.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openStore, TestService } from '../support/service.ts';

describe('a runner that Headway itself ends', () => {
  let database: TestDatabase;
  let store: Store & { close(): Promise<void> };
  let service: TestService;
  const said: { msg: string; how?: string }[] = [];

  beforeAll(async () => {
    database = await createTestDatabase();
    store = await openStore(database.url);
    const log = pino({}, { write: (line: string) => said.push(JSON.parse(line)) });
    service = await TestService.start(store, { leaseSeconds: 1.5, log });
  });

  afterAll(async () => {
    await service.stop();
    await store.close();
    await database.drop();
  });

  const ends = () => said.filter(({ msg }) => msg === 'runner ended').map(({ how }) => how);

  it('because its tasks were taken from it is reported neither as killed from outside nor as dead', async () => {
    const worker = await store.db.prisma.worker.findFirstOrThrow();

    await giveUp(store, worker.id, 'lease_lapsed', '');

    await eventually(() => ends().length === 1);
    expect(ends()).toEqual(['ended by SIGKILL']);
    expect(service.supervisor.exits.of('given_up')).toBe(1);
  });

  it('because it does not stop in time is not reported as killed from outside', async () => {
    const { id } = await service.submit('noop', null);
    await service.waitFor(id, ({ finishedAt }) => finishedAt !== null);
    process.kill(await service.runnerPid(), 'SIGSTOP');

    await service.stop(0);

    // On a busy machine a lease may lapse meanwhile, and then another runner is ended, too.
    expect(ends().length).toBeGreaterThanOrEqual(2);
    expect(new Set(ends())).toEqual(new Set(['ended by SIGKILL']));
  });
});
