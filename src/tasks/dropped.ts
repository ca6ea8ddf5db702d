/**
 * Entries that were fetched and not claimed, as the event loop of the runner that fetched them stands
 * still: their tasks need not wait for it. Should it claim them in the end, it finds another entry named.
 */
import { mismatchBatch } from './reaper/mismatches.ts';
import { requeue } from './reaper/stranded.ts';
import type { Store } from './store.ts';

interface DroppedRow {
  readonly taskId: string;
  readonly queue: string;
  readonly entryId: string;
}

/**
 * Gives the tasks of entries that were fetched more than `afterMs` ago new ones; no try is spent.
 * @returns the tasks' ids
 */
export async function requeueDropped(
  store: Store,
  queues: readonly string[],
  afterMs: number,
): Promise<string[]> {
  const { rows } = await store.db.pool.query<DroppedRow>({
    name: 'dropped-entries',
    // By pg-boss's partial index on (name, state) of entries that live.
    text: `SELECT data ->> 'taskId' AS "taskId", name AS queue, id AS "entryId" FROM pgboss.job
           WHERE name = ANY ($1::text[]) AND state = 'active'
             AND started_on < now() - make_interval(secs => $2::float8 / 1000)
           LIMIT ${mismatchBatch}`,
    values: [queues, afterMs],
  });
  const requeued: string[] = [];
  for (const [queue, tasks] of Map.groupBy(rows, (row) => row.queue)) {
    requeued.push(...(await requeue(store, queue, tasks)));
  }
  return requeued;
}
