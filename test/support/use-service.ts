/** A service without HTTP for all tests of a file: its own database, runners and a reaper. */
import { afterAll, beforeAll } from 'vitest';
import type { Store } from '../../src/tasks/store.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { openStore, TestService, type TestServiceOptions } from './service.ts';

/** All that is public in a `TestService`; after `startAgain`, it belongs to the new one. */
export interface UsedService extends Pick<TestService, keyof TestService> {
  /** Starts other runners and another reaper, after the test has stopped the first ones. */
  startAgain(): Promise<void>;
}

/**
 * Starts a service before the first test of the file or of the `describe`, and stops it after the last.
 * `prepare` is called before the service starts.
 */
export function useService(
  options: TestServiceOptions = {},
  prepare?: (store: Store) => Promise<void>,
): UsedService {
  let database: TestDatabase;
  let store: Awaited<ReturnType<typeof openStore>>;
  let service: TestService;
  const startAgain = async () => {
    service = await TestService.start(store, options);
  };
  beforeAll(async () => {
    database = await createTestDatabase();
    store = await openStore(database.url);
    await prepare?.(store);
    await startAgain();
  });
  afterAll(async () => {
    await service.stop();
    await store.close();
    await database.drop();
  });
  return {
    get store() {
      return store;
    },
    get supervisor() {
      return service.supervisor;
    },
    startAgain,
    stop: (graceMs) => service.stop(graceMs),
    submit: (type, input, request) => service.submit(type, input, request),
    waitFor: (id, condition) => service.waitFor(id, condition),
    history: (id) => service.history(id),
    runnerPid: () => service.runnerPid(),
  };
}
