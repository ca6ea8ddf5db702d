/** The API on a database that is none. */
import { openDatabase } from '../../src/database/database.ts';
import { postCsv, postJson, startApi, type TestApi } from './api.ts';
import type { FakePostgres } from './fake-postgres.ts';

const unknown = '01a20ada-0000-7000-8000-000000000000';

/** What cannot be answered without the database, at a service's URL. */
export const callsThatAsk: [what: string, call: (url: string) => Promise<Response>][] = [
  ['reading a task', (url) => fetch(`${url}/tasks/${unknown}`)],
  ['submitting', (url) => postJson(`${url}/tasks`, { type: 'noop' })],
  ['sending a file', (url) => postCsv(`${url}/tasks/csv-import`, 'a,b\n1,2\n')],
  ['cancelling', (url) => fetch(`${url}/tasks/${unknown}/cancel`, { method: 'POST' })],
  ['a dataset', (url) => fetch(`${url}/datasets/${unknown}`)],
  ['recent tasks', (url) => fetch(url, { headers: { accept: 'text/html' } })],
];

/** Its writing and its looks at single things go to this server; `end` ends both. */
export async function startApiOn(postgres: FakePostgres): Promise<{ api: TestApi; end(): Promise<void> }> {
  const db = openDatabase(postgres.url, { name: 'away' });
  const api = await startApi({ changeStore: (store) => ({ ...store, db }) });
  const end = async () => {
    await api.close();
    await db.close().catch(() => undefined);
    await postgres[Symbol.asyncDispose]();
  };
  return { api, end };
}
