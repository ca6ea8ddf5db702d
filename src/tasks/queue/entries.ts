/**
 * SQL that puts entries into their queues. It does what `insert` of pg-boss does with an entry of ours, as a part
 * of one prepared statement, while pg-boss makes the text of another statement for each queue, which PostgreSQL has
 * to plan each time. A test compares the rows of both.
 */
import { channels } from '../../database/names.ts';
import { bossTables } from './boss.ts';

/**
 * An INSERT of entries. Where a queue is gone, PostgreSQL refuses its entries at the COMMIT: see `isMissingQueue`.
 * @param source name of a query with the columns `entry_id`, `task_id`, `queue` and `start_after`, which is null
 *   for an entry that is due now
 */
export function insertEntriesSql(source: string): string {
  return `
    INSERT INTO ${bossTables.job} (
      id, name, data, start_after, created_on, keep_until, expire_seconds, deletion_seconds,
      retry_limit, retry_delay, retry_backoff, retry_delay_max, policy, dead_letter, heartbeat_seconds)
    SELECT entry.entry_id, entry.queue, jsonb_build_object('taskId', entry.task_id),
           coalesce(entry.start_after, now()), now(),
           coalesce(entry.start_after, now()) + make_interval(secs => coalesce(queue.retention_seconds, 0)),
           coalesce(queue.expire_seconds, 0), coalesce(queue.deletion_seconds, 0),
           coalesce(queue.retry_limit, 0), coalesce(queue.retry_delay, 0), coalesce(queue.retry_backoff, FALSE),
           queue.retry_delay_max, queue.policy, queue.dead_letter, queue.heartbeat_seconds
    FROM ${source} AS entry LEFT JOIN ${bossTables.queue} AS queue ON queue.name = entry.queue`;
}

/** A query that wakes the runners once for each queue with an entry that is due now. It must be read to run. */
export function wakeRunnersSql(source: string): string {
  return `
    SELECT pg_notify('${channels.work}', queue)
    FROM (SELECT DISTINCT queue FROM ${source} WHERE start_after IS NULL) AS due`;
}

/** Sends entries that are given as arrays: ids, tasks, queues, and when they are due. */
export const sendEntriesSql = `
  WITH entry AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[])
      AS entry (entry_id, task_id, queue, start_after)
  ), sent AS (${insertEntriesSql('entry')})
  ${wakeRunnersSql('entry')}`;
