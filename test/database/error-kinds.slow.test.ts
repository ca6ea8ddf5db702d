/** How errors are classified that only a server of the test's own may be made to report. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../src/database/database.ts';
import { describeTrouble, isConnectionError, isPassingError } from '../../src/database/error-kinds.ts';
import { killServer, makeDataDir, startHere } from '../support/embedded.ts';
import { eventually } from '../support/eventually.ts';
import { errorsOf, refusals } from '../support/refusals.ts';

describe('an error of PostgreSQL', () => {
  let dataDir: Awaited<ReturnType<typeof makeDataDir>>;
  let url: string;
  let db: Database;

  beforeAll(async () => {
    dataDir = await makeDataDir();
    url = (await startHere(dataDir.path)).url;
    db = openDatabase(url, { name: 'errors' });
  });

  afterAll(async () => {
    await db.close();
    await dataDir[Symbol.asyncDispose]();
  });

  it('about too many locks passes, and is described for people', async () => {
    const statement = 'SELECT pg_advisory_lock(n) FROM generate_series(1, 200000) AS n';

    const errors = await refusals(url, statement);

    expect(errors).toMatchObject([{ code: '53200' }, {}]);
    expect(errors.map(isPassingError)).toEqual([true, true]);
    expect(errors.map(isConnectionError)).toEqual([false, false]);
    expect(errors.map(describeTrouble)).toEqual(Array(2).fill('The database cannot do this at the moment.'));
  });

  it('about a session that ended in a crash, or with the server, is a connection error', async () => {
    const sleeping = async () => {
      const { rows } = await db.pool.query<{ pid: number }>(
        `SELECT pid FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(3600)' AND state = 'active'`,
      );
      return rows.length === 2 ? rows[0] : undefined;
    };

    // Make both connections first: on a busy machine, a connect may time out, and then there is only one
    // sleeper.
    await eventually(() => Promise.all([db.pool.query('SELECT 1'), db.prisma.$executeRaw`SELECT 1`]));

    const crashed = errorsOf(db, 'SELECT pg_sleep(3600)');
    process.kill((await eventually(sleeping)).pid, 'SIGKILL');
    const errors = await crashed;
    await killServer(dataDir.path);
    const gone = await errorsOf(db, 'SELECT 1');

    expect([...errors, ...gone].map(isConnectionError)).toEqual([true, true, true, true]);
  });
});
