import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../../src/tasks/store.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createEffectTable, effectsOf, openStore, type Task, TestService } from '../support/service.ts';

describe('a careless job', () => {
  let database: TestDatabase;
  let store: Store & { close(): Promise<void> };
  let service: TestService;
  let pid: number;

  beforeAll(async () => {
    database = await createTestDatabase();
    store = await openStore(database.url);
    await createEffectTable(store);
    service = await TestService.start(store);
    pid = await service.runnerPid();
  });

  afterAll(async () => {
    await service.stop();
    await store.close();
    await database.drop();
  });

  const isFinished = ({ finishedAt }: Task) => finishedAt !== null;

  it.each([
    ['checkpointNotAwaited', { status: 'succeeded', result: 'returned' }, [1]],
    ['finishNotAwaited', { status: 'succeeded', result: 'finished' }, [1]],
    ['finishTwice', { status: 'succeeded', result: 'first' }, [1]],
    ['nestedCheckpoint', { status: 'failed', error: { code: 'nested_transaction' } }, []],
    ['rejectionLeftBehind', { status: 'succeeded', result: 'returned' }, []],
  ])('that is %s loses nothing, and takes no runner along', async (how, outcome, effects) => {
    const { id } = await service.submit('careless', { how }, { maxAttempts: 1 });

    const task = await service.waitFor(id, isFinished);

    expect(task).toMatchObject(outcome);
    expect(await effectsOf(store, id)).toEqual(effects);
    expect(await service.runnerPid()).toBe(pid);
  });
});
