/** What Headway relies on in pg-boss's tables, beyond its public API: another version may change it. */
import { PgBoss } from 'pg-boss';
import { describe, expect, it } from 'vitest';
import { newId } from '../../../src/tasks/model/ids.ts';
import {
  bossSchema,
  bossSchemaVersion,
  bossTables,
  isMissingQueue,
  readyBossSql,
} from '../../../src/tasks/queue/boss.ts';
import { submit } from '../../support/service.ts';
import { useStore } from '../../support/tasks.ts';

const store = useStore();
const rowsOf = async <Row>(text: string, values: unknown[] = []) =>
  (await store.db.pool.query(text, values)).rows as Row[];

describe('this version of pg-boss', () => {
  it('has the schema of the version that a start expects', async () => {
    expect(await rowsOf(`SELECT version FROM ${bossSchema}.version`)).toEqual([
      { version: bossSchemaVersion },
    ]);
    expect(await rowsOf(readyBossSql, [['noop', 'noop.solo']])).toEqual([{ ready: true }]);
    expect(await rowsOf(readyBossSql, [['noop', 'new']])).toEqual([{ ready: false }]);
  });

  it('has the columns that claims, repairs and invariants read, in their types', async () => {
    const columns = await rowsOf<{ name: string; type: string }>(
      `SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_attribute
       WHERE attrelid = $1::regclass AND attnum > 0`,
      [bossTables.job],
    );

    expect(Object.fromEntries(columns.map(({ name, type }) => [name, type]))).toMatchObject({
      id: 'uuid',
      name: 'text',
      data: 'jsonb',
      state: `${bossSchema}.job_state`,
      blocked: 'boolean',
      priority: 'integer',
      created_on: 'timestamp with time zone',
      started_on: 'timestamp with time zone',
      start_after: 'timestamp with time zone',
    });
  });

  it('orders its states so that those before "active" are the ones of entries that wait', async () => {
    const [row] = await rowsOf<{ states: string[] }>(
      `SELECT enum_range(NULL::${bossSchema}.job_state)::text[] AS states`,
    );

    expect(row?.states).toEqual(['created', 'retry', 'active', 'completed', 'cancelled', 'failed']);
  });

  it('has the indexes by which a claim finds the next entries, and a repair finds the live ones', async () => {
    const indexes = await rowsOf<{ definition: string }>(
      `SELECT pg_get_indexdef(indexrelid) AS definition FROM pg_index
       WHERE indrelid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = $1::regclass UNION SELECT $1::regclass)`,
      [bossTables.job],
    );
    const definitions = indexes.map(({ definition }) => definition);

    expect(definitions).toContainEqual(
      expect.stringMatching(
        /\(name, priority DESC, created_on, start_after\) WHERE .*state < 'active'.*NOT blocked/,
      ),
    );
    expect(definitions).toContainEqual(
      expect.stringMatching(/\(name, state, .*\) WHERE .*'created'.*'retry'.*'active'/),
    );
  });

  it('keeps its own internal entries in queues whose names begin as ours never do', async () => {
    const queues = await rowsOf<{ name: string }>(`SELECT name FROM ${bossTables.queue}`);
    const own = queues.map(({ name }) => name).filter((name) => !/^[a-z0-9-]+(\.solo)?$/.test(name));

    expect(own.every((name) => name.startsWith('__pgboss__'))).toBe(true);
  });

  it('writes of an entry what Headway writes', async () => {
    const boss = new PgBoss({
      connectionString: store.url,
      schedule: false,
      supervise: false,
      migrate: false,
    });
    boss.on('error', () => undefined);
    await boss.start();
    const [theirs, ours, delayed, oursDelayed] = [newId(), newId(), newId(), newId()];
    const startAfter = new Date('2100-01-01T00:00:00Z');
    const data = { taskId: newId() };

    await boss.insert('noop', [{ id: theirs, data }]);
    await boss.insert('noop', [{ id: delayed, data, startAfter }]);
    await boss.stop({ graceful: false });
    await store.queue.send(
      [
        { id: ours, type: 'noop', losses: 0, ...data },
        { id: oursDelayed, type: 'noop', losses: 0, startAfter, ...data },
      ],
      store.db.pool,
    );

    const rowsBy = async (id: string) => {
      const [row] = await rowsOf<{ row: Record<string, unknown> }>(
        `SELECT to_jsonb(job) - 'id' - 'created_on' - 'start_after' - 'keep_until'
                || jsonb_build_object('kept', keep_until - start_after, 'isDue', start_after = created_on,
                                      'due', nullif(start_after, created_on)) AS row
         FROM ${bossTables.job} AS job WHERE id = $1`,
        [id],
      );
      return row?.row;
    };
    expect(await rowsBy(ours)).toEqual(await rowsBy(theirs));
    expect(await rowsBy(oursDelayed)).toEqual(await rowsBy(delayed));
    expect(await rowsBy(ours)).toMatchObject({ retry_limit: 0, isDue: true });
  });

  it('withdraws an entry by cancelling it, so that no claim finds it', async () => {
    const task = await submit(store, 'noop', null);
    await store.queue.inTransaction((connection) =>
      store.queue.withdrawAll('noop', [task.entryId ?? ''], connection),
    );

    const [entry] = await rowsOf<{ state: string }>(`SELECT state FROM ${bossTables.job} WHERE id = $1`, [
      task.entryId,
    ]);
    expect(entry?.state).toBe('cancelled');
  });

  it('says that a queue is gone in the two ways that Headway knows', async () => {
    await store.db.pool.query(`DELETE FROM ${bossTables.queue} WHERE name = 'noop'`);
    const entry = { id: newId(), taskId: newId(), type: 'noop', losses: 0 };

    const remembered = await store.queue
      .inTransaction(async (connection) => {
        await store.queue.send([entry], connection);
        await connection.query('SET CONSTRAINTS ALL IMMEDIATE');
      })
      .then(
        () => 'it was made again',
        (error: unknown) => error,
      );
    await store.queue.ensureQueues(['noop']);
    const [foreignKey] = await rowsOf<{ name: string }>(
      `SELECT conname AS name FROM pg_constraint WHERE contype = 'f' AND confrelid = $1::regclass AND conname = 'q_fkey'`,
      [bossTables.queue],
    );

    expect(remembered).toBe('it was made again');
    expect(foreignKey?.name).toBe('q_fkey');
    expect(isMissingQueue({ code: 'PGBOSS_QUEUE_NOT_FOUND' })).toBe(true);
  });
});
