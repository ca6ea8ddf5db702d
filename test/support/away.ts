/** The API whose database is a server that does not work. */
import { openDatabase } from '../../src/database/database.ts';
import { postCsv, postJson, startApi, type TestApi } from './api.ts';
import type { FakePostgres } from './fake-postgres.ts';

const unknown = '01a20ada-0000-7000-8000-000000000000';

/** Requests that the service at a URL cannot answer without the database. */
export const callsThatAsk: [what: string, call: (url: string) => Promise<Response>][] = [
  ['reading a task', (url) => fetch(`${url}/tasks/${unknown}`)],
  ['submitting', (url) => postJson(`${url}/tasks`, { type: 'noop' })],
  ['sending a file', (url) => postCsv(`${url}/tasks/csv-import`, 'a,b\n1,2\n')],
  ['cancelling', (url) => fetch(`${url}/tasks/${unknown}/cancel`, { method: 'POST' })],
  ['a dataset', (url) => fetch(`${url}/datasets/${unknown}`)],
  ['recent tasks', (url) => fetch(url, { headers: { accept: 'text/html' } })],
];

/** Starts an API whose statements go to this server; `end` ends the API and its connections. */
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
