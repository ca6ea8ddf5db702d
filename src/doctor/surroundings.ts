/**
 * Examines what the tasks depend on: workers, a parent, retention, and on the database server long
 * transactions and the clock.
 */

import type { Connection } from '../database/database.ts';
import { tables } from '../database/names.ts';
import { isFinishedSql } from '../tasks/model/state-machine.ts';
import type { Finding } from './finding.ts';

const startService = 'Start a parent with its runners: headway serve.';

/** The doctor reports tasks that have been due for this long while no worker can take them. */
const waitSeconds = 10;
const longTransactionSeconds = 60;
/**
 * The doctor reports tasks that expired this long ago: retention runs once a minute, and may have much to
 * delete.
 */
const expiredHours = 1;
const expiredAtMost = 100_000;
const clockLimitSeconds = 60;

export interface Work {
  readonly queued: number;
  readonly running: number;
  readonly workers: number;
  readonly slots: number;
  /**
   * Connections named "headway" that were used in the last 5 s. A living parent has some: its reaper asks
   * every second.
   */
  readonly parentConnections: number;
}

interface WorkRow extends Work {
  readonly due: number;
  readonly silent: number;
  readonly hidden: number;
}

/** Counts unfinished tasks, living workers and parents, and reports a missing worker or parent. */
export async function examineWork(connection: Connection): Promise<{ work: Work; findings: Finding[] }> {
  // The index on status finds the unfinished tasks; the name of a connection tells that it is a parent's.
  const { rows } = await connection.query<WorkRow>({
    text: `
      WITH task AS MATERIALIZED (
        SELECT status, greatest(updated_at, next_attempt_at) < now() - make_interval(secs => $1) AS is_due
        FROM ${tables.taskState}
        WHERE status IN ('queued', 'running')
      ), session AS MATERIALIZED (
        SELECT application_name, state_change, query = '<insufficient privilege>' AS is_hidden
        FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
      )
      SELECT
        (SELECT count(*)::int FROM task WHERE status = 'queued') AS queued,
        (SELECT count(*)::int FROM task WHERE status = 'queued' AND is_due) AS due,
        (SELECT count(*)::int FROM task WHERE status = 'running') AS running,
        (SELECT count(*)::int FROM ${tables.worker} WHERE lost_at IS NULL AND lease_expires_at > now()) AS workers,
        (SELECT coalesce(sum(slots), 0)::int FROM ${tables.worker} WHERE lost_at IS NULL AND lease_expires_at > now()) AS slots,
        (SELECT count(*)::int FROM session
         WHERE application_name = 'headway' AND state_change > now() - interval '5 seconds') AS "parentConnections",
        (SELECT count(*)::int FROM session WHERE is_hidden) AS hidden`,
    values: [waitSeconds],
  });
  const row = rows[0];
  if (!row) throw new Error('The database returned no counts of tasks and workers');
  const { queued, due, running, workers, slots, parentConnections, hidden } = row;
  const findings: Finding[] = [];
  if (due > 0 && workers === 0) {
    findings.push({
      check: 'no-worker',
      what: 'tasks wait, and no worker is alive',
      count: due,
      examples: [],
      meaning: 'No worker will begin these tasks.',
      repair: 'By any runner that starts on this database.',
      otherwise: startService,
    });
  }
  if (queued + running > 0 && parentConnections === 0 && hidden === 0) {
    findings.push({
      check: 'no-parent',
      what: 'there is unfinished work, and no parent seems to run',
      count: queued + running,
      examples: [],
      meaning:
        'No connection named "headway" has been used in the last 5 s. Without a parent nothing notices when a worker dies, gives a stranded task a new queue entry, or deletes expired tasks.',
      repair: 'By the start of a parent.',
      otherwise: `${startService} If one runs already, it cannot reach this database: see its log.`,
    });
  }
  return { work: { queued, running, workers, slots, parentConnections }, findings };
}

/**
 * Reports queued tasks whose type no living worker runs. Without any worker `examineWork` reports
 * `no-worker`.
 */
export async function examineTypes(connection: Connection): Promise<Finding[]> {
  // Reads by the index on status.
  const { rows } = await connection.query<{ type: string; count: number }>({
    text: `
      WITH living AS MATERIALIZED (
        SELECT types FROM ${tables.worker} WHERE lost_at IS NULL AND lease_expires_at > now()
      )
      SELECT type, count(*)::int AS count
      FROM ${tables.taskState}
      WHERE status = 'queued' AND report_token_hash IS NULL
        AND greatest(updated_at, next_attempt_at) < now() - make_interval(secs => $1)
        AND EXISTS (SELECT FROM living)
        AND NOT EXISTS (SELECT FROM living WHERE type = ANY (types) OR types IS NULL)
      GROUP BY type
      ORDER BY count(*) DESC, type`,
    values: [waitSeconds],
  });
  if (rows.length === 0) return [];
  return [
    {
      check: 'no-code',
      what: 'tasks wait whose type no living worker has code for',
      count: rows.reduce((sum, { count }) => sum + count, 0),
      examples: rows.slice(0, 5).map(({ type, count }) => `${type} (${count.toLocaleString('en')})`),
      meaning:
        'No worker will begin these tasks, although their pages say that they wait in the queue. Their job file was removed or renamed, or only an API process has it.',
      repair: 'By any worker that starts with their job file.',
      otherwise:
        'Start a worker that has their job file (HEADWAY_JOBS_DIR, or an older version of Headway), or cancel the tasks.',
    },
  ];
}

/**
 * Reports tasks that retention should have deleted. Reads by the partial index on expires_at, and counts no
 * further than 100,000.
 */
export async function examineRetention(connection: Connection): Promise<Finding[]> {
  const { rows } = await connection.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM (
       SELECT FROM ${tables.taskState}
       WHERE ${isFinishedSql} AND expires_at < now() - interval '${expiredHours} hour'
       LIMIT ${expiredAtMost}) AS expired`,
  );
  const count = rows[0]?.count ?? 0;
  if (count === 0) return [];
  return [
    {
      check: 'expired-tasks',
      what: `tasks expired more than an hour ago and are still there${count === expiredAtMost ? ' (there may be more of them)' : ''}`,
      count,
      examples: [],
      meaning: 'Retention does not run, or cannot keep up.',
      repair: 'By the sweep of any running parent, once a minute.',
      otherwise: 'Make sure that a parent runs (headway serve), or delete the tasks with headway prune.',
    },
  ];
}

/**
 * Reports transactions that were left open. PostgreSQL cannot remove dead rows that such a transaction may
 * still see, in Headway's tables neither.
 */
export async function examineTransactions(
  connection: Connection,
  longerThanSeconds = longTransactionSeconds,
): Promise<Finding[]> {
  const { rows } = await connection.query<{ name: string }>({
    text: `
      SELECT format('process %s (%s, database %s, %s): %s s', pid, coalesce(nullif(application_name, ''), 'without a name'),
                    datname, coalesce(state, 'state unknown'), round(extract(epoch FROM now() - xact_start))) AS name
      FROM pg_stat_activity
      WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
        AND xact_start < now() - make_interval(secs => $1)
      UNION ALL
      SELECT format('prepared transaction %s (database %s): %s s', gid, database, round(extract(epoch FROM now() - prepared)))
      FROM pg_prepared_xacts
      WHERE prepared < now() - make_interval(secs => $1)`,
    values: [longerThanSeconds],
  });
  if (rows.length === 0) return [];
  return [
    {
      check: 'long-transaction',
      what: `transactions have been open for more than ${longerThanSeconds} s on this server`,
      count: rows.length,
      examples: rows.slice(0, 5).map((row) => row.name),
      meaning:
        'While such a transaction is open, PostgreSQL keeps every row version that it might still see. So each progress write makes the table of the tasks larger and slower, fifty-fold within minutes.',
      repair:
        "By the end of the transaction. PostgreSQL ends Headway's own transactions after 5 s without a statement.",
      otherwise:
        'End the transaction in the program that opened it, or by SELECT pg_terminate_backend(<process>).',
    },
  ];
}

/**
 * @returns how many seconds the database's clock is ahead of this machine's, the latency, and findings on the
 * clock
 */
export async function examineClock(
  connection: Connection,
): Promise<{ aheadSeconds: number; latencyMs: number; findings: Finding[] }> {
  const [askedAt, askedMs] = [Date.now(), performance.now()];
  const { rows } = await connection.query<{ now: Date; future: string[] }>(
    `SELECT clock_timestamp() AS now, ARRAY(
       SELECT id::text FROM ${tables.worker} WHERE lost_at IS NULL AND heard_at > clock_timestamp() + interval '5 seconds') AS future`,
  );
  const latencyMs = performance.now() - askedMs;
  const { now, future } = rows[0] ?? { now: new Date(), future: [] };
  const aheadSeconds = (now.getTime() - askedAt - latencyMs / 2) / 1000;
  const findings: Finding[] = [];
  if (Math.abs(aheadSeconds) > clockLimitSeconds) {
    findings.push({
      check: 'clock-apart',
      what: `the database's clock is ${Math.round(Math.abs(aheadSeconds))} s ${aheadSeconds > 0 ? 'ahead of' : 'behind'} this machine's`,
      count: 1,
      examples: [],
      meaning:
        'Nothing breaks, because Headway takes all times that it stores or compares from the database. But logs and pages show different times for the same event.',
      repair: 'None by itself.',
      otherwise: 'Set both clocks by NTP.',
    });
  }
  if (future.length > 0) {
    findings.push({
      check: 'clock-set-back',
      what: 'workers were last heard from at a time that is in the future',
      count: future.length,
      examples: future.slice(0, 5),
      meaning:
        "The database's clock was set back. Until it has caught up, Headway notices too late that such a worker has died, and pages show wrong times.",
      repair:
        'For living workers, by the next renewal of their lease, within seconds; for dead workers, when the clock has caught up.',
      otherwise: `Set the clock by NTP, which changes it in small steps. For a worker that you know to be dead: UPDATE ${tables.worker} SET lease_expires_at = now() WHERE id = …`,
    });
  }
  return { aheadSeconds, latencyMs, findings };
}
