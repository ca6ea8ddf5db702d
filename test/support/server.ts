/** Creates and drops databases on a server. */
import pg from 'pg';

/** The URL of another database on the same server. */
export function withName(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

/** Creates a database, as a copy of `template` if given. */
export async function createDatabase(serverUrl: string, name: string, template = 'template1'): Promise<void> {
  // Copies files: the other strategy, through the write-ahead log, takes PostgreSQL three times as long here.
  await administer(serverUrl, (client) =>
    client.query(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY file_copy`),
  );
}

/** Drops the databases whose names begin with `prefix`, and ends their connections. */
export async function dropDatabases(serverUrl: string, prefix: string): Promise<void> {
  await administer(serverUrl, async (client) => {
    const { rows } = await client.query<{ datname: string }>(
      'SELECT datname FROM pg_database WHERE starts_with(datname, $1)',
      [prefix],
    );
    for (const { datname } of rows) await client.query(`DROP DATABASE IF EXISTS ${datname} WITH (FORCE)`);
  });
}

/** Does `work` on its own connection to the database at this URL, mostly the server's own database. */
export async function administer<T>(serverUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: serverUrl, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
