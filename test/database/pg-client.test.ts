import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readHistory, readTask } from '../../src/tasks/queries/read.ts';
import { readRows } from '../../src/tasks/snapshots/rows.ts';
import type { Store } from '../../src/tasks/store.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openStore, submit } from '../support/service.ts';

describe('on a database that has other settings', () => {
  let database: TestDatabase;
  let store: Store & { close(): Promise<void> };

  beforeAll(async () => {
    database = await createTestDatabase();
    const admin = await openStore(database.url);
    const { rows } = await admin.db.pool.query<{ name: string }>('SELECT current_database() AS name');
    for (const setting of [
      `timezone TO 'Asia/Kolkata'`,
      `datestyle TO 'SQL, DMY'`,
      `default_transaction_isolation TO 'repeatable read'`,
    ])
      await admin.db.pool.query(`ALTER DATABASE ${rows[0]?.name} SET ${setting}`);
    await admin.close();
    const url = new URL(database.url);
    url.searchParams.set('options', '-c work_mem=5MB -c statement_timeout=33s');
    store = await openStore(url.href);
  });

  afterAll(async () => {
    await store.close();
    await database.drop();
  });

  const settingOf = async (name: string) => {
    const { rows } = await store.db.pool.query<{ value: string }>('SELECT current_setting($1) AS value', [
      name,
    ]);
    return rows[0]?.value;
  };

  it('times are read correctly, both through Prisma and through pg', async () => {
    const before = Date.now();

    const { id } = await submit(store, 'noop', null);

    const byPrisma = await readTask(store, id);
    const { rows } = await readRows(store.db.pool, [id]);
    const [submitted] = await readHistory(store, id);
    expect(byPrisma?.createdAt).toEqual(rows[0]?.createdAt);
    // A time that is read in another time zone would be wrong by at least half an hour.
    for (const time of [byPrisma?.createdAt, submitted?.at])
      expect(Math.abs(Number(time) - before)).toBeLessThan(1_500_000);
  });

  it('a statement that has waited for a row sees its new version', async () => {
    expect(await settingOf('transaction_isolation')).toBe('read committed');
  });

  it('settings in the URL are added to those that every session has', async () => {
    expect(await settingOf('work_mem')).toBe('5MB');
    expect(await settingOf('statement_timeout')).toBe('33s');
    expect(await settingOf('lock_timeout')).toBe('5s');
    expect(await settingOf('idle_in_transaction_session_timeout')).toBe('5s');
  });
});
