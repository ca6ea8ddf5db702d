/** Tasks that still run under a worker that is marked lost: somebody was stopped between marking and moving. */
import type { LeftAttempt } from '../leave.ts';
import type { Store } from '../store.ts';
import { moveOn } from '../workers.ts';

/** Moves a lost worker's tasks on; the queues of their types are made again where they are gone. */
export async function moveOnLost(store: Store, workerId: string): Promise<LeftAttempt[]> {
  const { rows } = await store.db.pool.query<{ type: string }>({
    name: 'types-of-worker',
    // By the partial index on the worker of running rows.
    text: `SELECT DISTINCT type FROM task_state WHERE worker_id = $1 AND status = 'running'`,
    values: [workerId],
  });
  await store.queue.ensureQueues(rows.map((row) => row.type));
  return moveOn(store, workerId);
}
