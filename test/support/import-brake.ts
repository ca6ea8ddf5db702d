/**
 * Stops the CSV imports of a database in the middle, until the test has looked at them. An import writes 4,000 rows
 * at a time, so a file must have more batches than the brake lets through.
 */
import pg from 'pg';

export interface ImportBrake extends AsyncDisposable {
  /** Allows this many more batches; the next one waits. */
  letThrough(batches: number): Promise<void>;
  release(): Promise<void>;
}

/**
 * From now on, batches wait once all imports together have written as many as allowed. A waiting batch holds
 * no lock, so that others can go on with the task. It waits inside a running statement, which no limit on
 * idle transactions ends.
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

/** Runs a statement over its own connection, because the server may be killed and started in the meantime. */
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
