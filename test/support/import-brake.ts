/** Stops the CSV imports of a database in their midst, for as long as a test looks at them. */
import pg from 'pg';

/** So many rows an import writes at a time. */
export const batchRows = 500;

export interface ImportBrake extends AsyncDisposable {
  /** So many more batches are written, and then none. */
  letThrough(batches: number): Promise<void>;
  release(): Promise<void>;
}

/**
 * From now on the batches of all imports together wait after so many. What waits has taken no lock yet, so that
 * others go on with the task; and it is a statement that runs, which no limit on idle transactions ends.
 */
export async function brakeImports(databaseUrl: string, batches: number): Promise<ImportBrake> {
  const run = (sql: string, values: unknown[] = []) => runOnce(databaseUrl, sql, values);
  await run(`
    CREATE TABLE IF NOT EXISTS import_brake (batches int);
    CREATE SEQUENCE IF NOT EXISTS import_batch;
    CREATE OR REPLACE FUNCTION wait_at_brake() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE batch int := nextval('import_batch');
    BEGIN
      WHILE batch > (SELECT batches FROM import_brake) LOOP PERFORM pg_sleep(0.02); END LOOP;
      RETURN NULL;
    END $$;
    CREATE OR REPLACE TRIGGER brake BEFORE INSERT ON dataset_row FOR EACH STATEMENT EXECUTE FUNCTION wait_at_brake();
    DELETE FROM import_brake;
    ALTER SEQUENCE import_batch RESTART;
    INSERT INTO import_brake VALUES (${batches});`);
  const release = () => run('UPDATE import_brake SET batches = 1000000000');
  return {
    letThrough: (more) => run('UPDATE import_brake SET batches = batches + $1', [more]),
    release,
    [Symbol.asyncDispose]: release,
  };
}

/** Over a connection of its own: the server may be killed and started meanwhile. */
async function runOnce(url: string, sql: string, values: unknown[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await (values.length > 0 ? client.query(sql, values) : client.query(sql));
  } finally {
    await client.end();
  }
}
