/** Workers: the runners' rows and leases, and how their work is taken from them when they are gone. */

import type { Connection } from '../../database/database.ts';
import { tables } from '../../database/names.ts';
import { type LeftAttempt, leaveRunning, leaveSql, lockedColumns } from '../life/leave.ts';
import type { Store } from '../store.ts';

/**
 * Why a worker was given up. `exited`: its parent saw the process end. `handed_back` and `stopped` blame no
 * attempt; `blocked` blames only the overdue attempts.
 */
export type LostReason = 'exited' | 'lease_lapsed' | 'blocked' | 'handed_back' | 'stopped';

export interface NewWorker {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly slots: number;
  /** The types that it has code for. */
  readonly types: readonly string[];
  readonly leaseSeconds: number;
}

/** Inserts a worker's row. A second call changes nothing, as the answer to the first may have been lost. */
export async function registerWorker(store: Store, worker: NewWorker): Promise<void> {
  await store.db.pool.query(
    `INSERT INTO ${tables.worker} (id, host, pid, slots, types, lease_expires_at)
     VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))
     ON CONFLICT (id) DO NOTHING`,
    [worker.id, worker.host, worker.pid, worker.slots, worker.types, worker.leaseSeconds],
  );
}

/**
 * Takes a worker's tasks from it: marks the worker lost, unless somebody else has done so, then moves its
 * rows on.
 * @param detail what people and logs are told, such as "killed by SIGKILL"
 * @param overdueIds its tasks that have timed out, where the worker was `blocked`
 * @returns the attempts that were moved on by this call
 */
export async function giveUp(
  store: Store,
  workerId: string,
  reason: LostReason,
  detail: string,
  overdueIds: readonly string[] = [],
): Promise<LeftAttempt[]> {
  const overdue = await markLost(store, workerId, reason, detail, overdueIds);
  return [...overdue, ...(await moveOn(store, workerId))];
}

/**
 * Marks a worker lost, and stores how many attempts it was running: blame is decided from this number and
 * from each row, however late and by whichever process the rows are moved on. Only overdue attempts are moved
 * on in the same transaction, as no other process knows that they are overdue.
 * @returns the overdue attempts that were moved on
 */
async function markLost(
  store: Store,
  workerId: string,
  reason: LostReason,
  detail: string,
  overdueIds: readonly string[],
): Promise<LeftAttempt[]> {
  return store.queue.inTransaction(async (connection) => {
    // First the lock, then the count: the lock waits for a claim under way, whose attempts are then counted.
    const { rowCount } = await connection.query(
      `SELECT FROM ${tables.worker} WHERE id = $1 AND lost_at IS NULL FOR NO KEY UPDATE`,
      [workerId],
    );
    if (rowCount === 0) return [];
    await connection.query(
      `UPDATE ${tables.worker} SET lost_at = now(), lost_reason = $2, lost_with = (
         SELECT count(*) FROM ${tables.taskState} WHERE worker_id = $1 AND status = 'running')
       WHERE id = $1`,
      [workerId, detail === '' ? reason : `${reason}: ${detail}`],
    );
    if (overdueIds.length === 0) return [];
    return moveSome(store, connection, workerId, { overdueIds, limit: overdueIds.length });
  });
}

const moveBatch = 100;

/** From this many losses in a row on, each loss spends a try, as no task may go on for ever. */
const longestRowOfLosses = 10;

/**
 * What a loss is put down to. Two of these spend a try:
 * - `alone`: nothing else ran in the worker, its parent saw it end, and the attempt had saved no checkpoint;
 * - `repeated`: the task has lost too many workers in a row.
 *
 * The others spend none:
 * - `company`: another task ran in the worker and may have been to blame;
 * - `neighbour`: another task is known to have blocked the worker;
 * - `unseen`: nobody saw how the worker was lost, perhaps together with its parent;
 * - `progressed`: the attempt had saved a checkpoint, so the task gets past what kills its workers.
 */
export type Blame = 'alone' | 'repeated' | 'company' | 'neighbour' | 'unseen' | 'progressed';

// Except for overdue attempts, the verdict is read from the worker's row and the task's row alone, so that it
// is the same however late and by whichever process the task is moved on.
const verdictSql = `
  CASE WHEN worker.is_blameless THEN 'handed_back'
       WHEN task.id = ANY ($3::uuid[]) THEN 'overdue'
       WHEN worker.has_culprit THEN 'neighbour'
       WHEN task.losses + 1 >= ${longestRowOfLosses} THEN 'repeated'
       WHEN NOT worker.was_seen THEN 'unseen'
       WHEN worker.lost_with > 1 THEN 'company'
       WHEN task.checkpoint_attempt = task.attempt THEN 'progressed'
       ELSE 'alone' END`;
const countsSql = `verdict.is IN ('overdue', 'repeated', 'alone')`;

// The delay is the default backoff (`backoff.ts` of the jobs): the process that moves a row on may have no
// code for its job.
const moveOnSql = leaveSql(
  `worker AS MATERIALIZED (
     SELECT id, lost_with, lost_reason LIKE 'handed_back%' OR lost_reason LIKE 'stopped%' AS is_blameless,
            lost_reason LIKE 'blocked%' AS has_culprit,
            lost_reason LIKE 'exited%' AS was_seen,
            substring(lost_reason FROM ': (.+)$') AS told
     FROM ${tables.worker} WHERE id = $2 AND lost_at IS NOT NULL)`,
  // Reads by the partial index on the worker of running rows. An overdue attempt has timed out, whatever ran
  // beside it. When we know which attempt blocked the worker, the others get no loss.
  `SELECT ${lockedColumns}, ${countsSql} AS counts, FALSE AS final,
          CASE verdict.is WHEN 'handed_back' THEN NULL WHEN 'overdue' THEN NULL WHEN 'neighbour' THEN 0 ELSE 1 END AS loss,
          CASE verdict.is WHEN 'handed_back' THEN 'handed_back' WHEN 'overdue' THEN 'retrying' ELSE 'worker_lost' END AS kind,
          CASE verdict.is WHEN 'handed_back' THEN NULL WHEN 'overdue' THEN 'timeout' ELSE 'worker_lost' END AS code,
          CASE verdict.is
            WHEN 'handed_back' THEN NULL
            WHEN 'overdue' THEN 'The task took longer than its time limit, and could only be stopped together with the worker that ran it'
            ELSE 'The worker that ran the task was lost'
                 || CASE WHEN verdict.is = 'repeated' THEN ', the last of ' || task.losses + 1 || ' in a row' ELSE '' END
                 || coalesce(' (' || worker.told || ')', '')
          END AS message,
          CASE WHEN verdict.is NOT IN ('handed_back', 'overdue') THEN verdict.is END AS blame,
          CASE WHEN ${countsSql} THEN least(300, power(2, least(task.failures, 10))) * (0.75 + random() / 2)
               ELSE 0 END AS delay
   FROM ${tables.taskState} AS task
   JOIN worker ON task.worker_id = worker.id
   CROSS JOIN LATERAL (SELECT ${verdictSql} AS is) AS verdict
   WHERE task.worker_id = $2 AND task.status = 'running'
   ORDER BY verdict.is = 'overdue' DESC, task.id
   LIMIT $4
   FOR NO KEY UPDATE OF task SKIP LOCKED`,
);

/** @param overdueIds attempts that have timed out; these are moved first */
function moveSome(
  store: Store,
  connection: Connection,
  workerId: string,
  { overdueIds, limit }: { overdueIds: readonly string[]; limit: number },
): Promise<LeftAttempt[]> {
  return leaveRunning(store, connection, {
    name: 'move-on',
    text: moveOnSql,
    values: [workerId, overdueIds, limit],
  });
}

/** Moves on the rows of a worker that is marked lost, in batches. Locked rows are left to the next turn. */
export async function moveOn(store: Store, workerId: string): Promise<LeftAttempt[]> {
  const moved: LeftAttempt[] = [];
  for (;;) {
    const batch = await store.queue.inTransaction((connection) =>
      moveSome(store, connection, workerId, { overdueIds: [], limit: moveBatch }),
    );
    moved.push(...batch);
    if (batch.length < moveBatch) return moved;
  }
}

/**
 * Lost workers that still have running rows: a process was stopped after it had marked the worker, before it
 * had moved the rows on.
 */
export async function lostWithRunningRows(store: Store): Promise<string[]> {
  const { rows } = await store.db.pool.query<{ id: string }>({
    name: 'lost-with-rows',
    text: `SELECT DISTINCT worker.id FROM ${tables.taskState} JOIN ${tables.worker} ON worker.id = task_state.worker_id
           WHERE task_state.status = 'running' AND worker.lost_at IS NOT NULL`,
  });
  return rows.map((row) => row.id);
}

/**
 * Which tasks of these workers were asked to stop more than `graceMs` ago and still run. By the partial index
 * on the worker of running rows.
 */
export async function ignoringCancel(
  store: Store,
  workerIds: readonly string[],
  graceMs: number,
): Promise<{ taskId: string; workerId: string }[]> {
  const { rows } = await store.db.pool.query<{ taskId: string; workerId: string }>({
    name: 'ignoring-cancel',
    text: `SELECT id AS "taskId", worker_id AS "workerId" FROM ${tables.taskState}
           WHERE worker_id = ANY ($1::uuid[]) AND status = 'running'
             AND cancel_requested_at < now() - make_interval(secs => $2::float8 / 1000)`,
    values: [workerIds, graceMs],
  });
  return rows;
}

/** Which of these workers have been given up. */
export async function lostAmong(store: Store, workerIds: readonly string[]): Promise<string[]> {
  const lost = await store.db.prisma.worker.findMany({
    where: { id: { in: [...workerIds] }, lostAt: { not: null } },
    select: { id: true },
  });
  return lost.map((worker) => worker.id);
}
