/** A process of Headway, as its users start it, for all tests of a file, on a database of its own. */
import { afterAll, beforeAll } from 'vitest';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { type HeadwayProcess, startHeadway } from './process.ts';

export interface UsedHeadway {
  readonly url: string;
  readonly databaseUrl: string;
  /** The pid of the newest runner. */
  readonly runnerPid: number;
}

/** Starts Headway before the first test of the file or of the `describe`, and stops it after the last. */
export function useHeadway(env: Record<string, string> = {}): UsedHeadway {
  let database: TestDatabase;
  let headway: HeadwayProcess & { url: string };
  beforeAll(async () => {
    database = await createTestDatabase();
    headway = await startHeadway({ DATABASE_URL: database.url, ...env });
  });
  afterAll(async () => {
    headway.signal('SIGINT');
    await headway.exited;
    await database.drop();
  });
  return {
    get url() {
      return headway.url;
    },
    get databaseUrl() {
      return database.url;
    },
    get runnerPid() {
      return headway.runnerPid;
    },
  };
}
