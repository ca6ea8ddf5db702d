import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Upload } from '../../src/tasks/files/files.ts';
import { Sweeper } from '../../src/tasks/upkeep/sweeper.ts';
import { eventually } from '../support/eventually.ts';
import { addFinished } from '../support/finished.ts';
import { useStore } from '../support/tasks.ts';

const store = useStore();
const sql = (text: string) => store.db.pool.query(text);
const logged: Record<string, unknown>[] = [];
const log = pino({ level: 'debug' }, { write: (line: string) => logged.push(JSON.parse(line)) });
const said = (level: number) => logged.filter((line) => line.level === level);

/** Makes PostgreSQL refuse to delete tasks, with this error code. */
const refuse = (sqlState: string) =>
  sql(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN RAISE EXCEPTION USING MESSAGE = ''not now'', ERRCODE = ''${sqlState}''; END';
    CREATE TRIGGER refuse BEFORE DELETE ON task_state FOR EACH ROW EXECUTE FUNCTION refuse()`);

/** An upload that broke off long ago. */
async function leaveFile(): Promise<void> {
  await Upload.begin(store, { name: 'a', contentType: 'text/csv' });
  await sql(`UPDATE file SET touched_at = now() - interval '1 hour'`);
}

describe('a sweep that cannot delete tasks', () => {
  let sweeper: Sweeper;
  beforeEach(async () => {
    logged.length = 0;
    sweeper = new Sweeper({ db: store.db, log, intervalMs: 20 });
    await addFinished(store.db.pool, { count: 1 });
    await leaveFile();
  });
  afterEach(async () => {
    await sweeper.stop();
    await sql('DROP FUNCTION refuse CASCADE');
  });

  it('deletes files all the same, and logs the error, but not each time', async () => {
    await refuse('P0001');

    sweeper.start();

    await eventually(() => sweeper.swept.of('file') === 1);
    await leaveFile();
    await eventually(() => sweeper.swept.of('file') === 2);
    expect(said(50)).toMatchObject([{ swept: 'task', err: { message: 'not now' } }]);
  });

  it('logs an error that passes by itself only at debug level', async () => {
    await refuse('53100');

    sweeper.start();

    await eventually(() => said(20).length > 1);
    expect(sweeper.swept.of('file')).toBe(1);
    expect(said(20)).toContainEqual(
      expect.objectContaining({ swept: 'task', msg: expect.stringContaining('next sweep') }),
    );
    expect(said(50)).toEqual([]);
  });
});
