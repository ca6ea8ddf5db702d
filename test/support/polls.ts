/** Helpers for tests of polls: tasks, and changes that another process makes. */
import { newId } from '../../src/tasks/model/ids.ts';
import type { Store } from '../../src/tasks/store.ts';
import { postJson, type TestApi, taskOf } from './api.ts';

/** Submits a task of the type `noop`, which no runner runs; returns its id. */
export async function newTask(api: TestApi, options: Record<string, unknown> = {}): Promise<string> {
  return (await taskOf(await postJson(`${api.url}/tasks`, { type: 'noop', ...options }))).id;
}

/**
 * Inserts a task of a group, as another process does; `client` may keep its transaction open. Returns the id.
 */
export async function insertTask(
  client: { query: (text: string, values: unknown[]) => Promise<unknown> },
  group: string,
): Promise<string> {
  const id = newId();
  await client.query(
    `INSERT INTO task_state (id, type, group_label, title, input, input_digest, max_attempts, entry_id)
     VALUES ($1, 'noop', $2, 'x', '{}', 'x', 1, gen_random_uuid())`,
    [id, group],
  );
  return id;
}

/** Inserts many tasks of a group with the same time of creation. */
export async function insertTasks(store: Store, group: string, count: number): Promise<void> {
  await store.db.pool.query(
    `INSERT INTO task_state (id, type, group_label, title, input, input_digest, max_attempts, entry_id)
     SELECT gen_random_uuid(), 'noop', $1, number::text, '{}', 'x', 1, gen_random_uuid()
     FROM generate_series(1, $2::int) AS number`,
    [group, count],
  );
}

/** Changes a task, as another process does; returns the new version. */
export async function bump(store: Store, id: string, message = 'changed'): Promise<number> {
  const { rows } = await store.db.pool.query<{ version: number }>(
    'UPDATE task_state SET version = version + 1, message = $2 WHERE id = $1 RETURNING version',
    [id, message],
  );
  return rows[0]?.version ?? 0;
}

export async function remove(store: Store, id: string): Promise<void> {
  await store.db.pool.query('DELETE FROM task_state WHERE id = $1', [id]);
}

/** Ends a task, as its runner does. */
export async function succeed(store: Store, id: string): Promise<void> {
  await store.db.pool.query(
    `UPDATE task_state
     SET status = 'succeeded', percent_done = 100, attempt = 1, entry_id = NULL, started_at = now(), finished_at = now(),
         expires_at = now() + interval '1 day', result = '{"a": 1}', version = version + 1
     WHERE id = $1`,
    [id],
  );
}

/** Ends a task, as its runner does, with a result of about this many bytes. */
export async function succeedWith(store: Store, id: string, resultBytes: number): Promise<void> {
  await succeed(store, id);
  await store.db.pool.query(
    `UPDATE task_state SET result = jsonb_build_object('text', repeat('x', $2::int)) WHERE id = $1`,
    [id, resultBytes],
  );
}

/** An ETag of tasks whose versions add up to this number, as another process may have sent it. */
export const etagAt = (versions: number | string) => `W/"json-AAAAAAAAAAAAAAAA-${versions}"`;

/** An ETag with a version that no task ever has. */
export const otherEtag = etagAt(0);
