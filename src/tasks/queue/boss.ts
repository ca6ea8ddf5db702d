/**
 * The parts of pg-boss's tables that Headway relies on. Only this folder names pg-boss's tables.
 *
 * Headway uses pg-boss's public API to create queues (`createQueue`, `getQueues`), and to withdraw (`cancel`)
 * entries in its own transactions. Everything else is not public API: a submit writes task and entry, and a claim
 * takes an entry and its task, in one statement, and the repair compares all entries with all tasks. These
 * statements rely on columns of the tables of jobs and queues, on the order of a job's states, on two indexes, on
 * what pg-boss's own `insert` writes, on how it names its own queues, and on how it reports that a queue is gone.
 * If another version of pg-boss changes one of these, a test (`test/tasks/queue/boss.test.ts`) says which.
 */
export const bossSchema = 'pgboss';

export const bossTables = {
  job: `${bossSchema}.job`,
  queue: `${bossSchema}.queue`,
} as const;

/**
 * SQL that is true while an entry waits. pg-boss's states have an order: `created` and `retry` come before
 * `active`.
 */
export const waitsInQueueSql = `state < 'active' AND NOT blocked`;

/**
 * SQL of the task that an entry names: null where the entry's data, which anybody may change, name no task.
 * @param entry alias of the table of jobs
 */
export function entryTaskSql(entry: string): string {
  const taskId = `${entry}.data ->> 'taskId'`;
  return `CASE WHEN ${taskId} ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN (${taskId})::uuid END`;
}

/**
 * A query of all entries that wait or were fetched. It reads by the partial index on (name, state), and so no
 * finished entry. `task_id` is text, and may be anything.
 */
export const liveEntriesSql = `
  SELECT id, name, data ->> 'taskId' AS task_id, blocked, start_after, state, started_on,
         greatest(created_on, started_on) AS since
  FROM ${bossTables.job}
  WHERE name = ANY (ARRAY(SELECT name FROM ${bossTables.queue} WHERE name NOT LIKE '\\_\\_pgboss\\_\\_%'))
    AND state IN ('created', 'retry', 'active') AND data ? 'taskId'`;

/** The version of the schema that this version of pg-boss makes. */
export const bossSchemaVersion = 46;

/** Asks whether pg-boss has nothing to install: its schema is of this version, and has the queues $1. */
export const readyBossSql = `
  SELECT version >= ${bossSchemaVersion}
         AND NOT EXISTS (SELECT FROM unnest($1::text[]) AS wanted
                         WHERE wanted NOT IN (SELECT name FROM ${bossTables.queue})) AS ready
  FROM ${bossSchema}.version`;

/** SQL that is true where pg-boss has been installed. */
export const isInstalledSql = `to_regclass('${bossTables.job}') IS NOT NULL`;

/**
 * Whether an error says that a queue is gone. pg-boss throws one for a queue that it does not know. Where it
 * still remembers a deleted queue, PostgreSQL refuses the entry at the COMMIT, by the foreign key.
 */
export function isMissingQueue(error: unknown): boolean {
  const { code, constraint } = error as { code?: unknown; constraint?: unknown };
  return code === 'PGBOSS_QUEUE_NOT_FOUND' || (code === '23503' && constraint === 'q_fkey');
}
