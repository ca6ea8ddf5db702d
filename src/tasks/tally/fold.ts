/**
 * Folding: adds what the statements have appended to the tally to the minutes and to the usual times, and deletes
 * it from the tally, in one transaction. A row whose transaction has not committed is not seen, and is folded
 * later. So nothing is counted twice or left out, and a statement that hangs keeps nobody waiting.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { type Connection, inTransaction } from '../../database/database.ts';
import { advisoryLocks, tables } from '../../database/names.ts';
import { addToMinutesSql, minutePartsSql } from './minutes.ts';
import { keptRuns, usualOf } from './usual.ts';

/** Of up to a hundred attempts each. */
const batchRows = 2_000;

// The rows of one snapshot, the oldest first, by the primary key. Nobody else locks or changes them.
const foldSql = `
  WITH last AS MATERIALIZED (
    SELECT max(id) AS id
    FROM (SELECT id FROM ${tables.taskTally} WHERE id > $1 ORDER BY id LIMIT ${batchRows}) AS batch
  ), taken AS (
    DELETE FROM ${tables.taskTally} WHERE id > $1 AND id <= (SELECT id FROM last) RETURNING *
  ), attempt AS MATERIALIZED (
    SELECT id, at, type, outcome, is_whole, ms FROM taken CROSS JOIN unnest(durations_ms) AS ms
  ), part AS (${minutePartsSql('attempt')}
  ), added AS (${addToMinutesSql('part')}
  ), success AS (
    SELECT type, ms, id, row_number() OVER (PARTITION BY type ORDER BY id DESC) AS place
    FROM attempt
    WHERE outcome = 'succeeded' AND is_whole
  ), latest AS (
    SELECT type, array_agg(ms ORDER BY id) AS ms FROM success WHERE place <= ${keptRuns} GROUP BY type
  )
  SELECT (SELECT id FROM last) AS "lastId", (SELECT count(*)::int FROM taken) AS rows,
         (SELECT coalesce(jsonb_object_agg(type, ms), '{}') FROM latest) AS latest`;

interface Folded {
  /** Null where the tally had nothing more. */
  readonly lastId: string | null;
  readonly rows: number;
  /** The run times of each type's latest whole successes. */
  readonly latest: Readonly<Record<string, number[]>>;
}

const nothing: Folded = { lastId: null, rows: 0, latest: {} };

/**
 * Folds all that is in the tally, a batch in each transaction, with as much rest between two of them as work, until
 * nothing is left, another process folds, or `signal` aborts.
 * @returns how many rows of the tally were folded
 */
export async function foldTally(pool: pg.Pool, signal?: AbortSignal): Promise<number> {
  let folded = 0;
  // Each batch begins where the last one ended, and so passes over none of the rows that were just deleted.
  for (let afterId = '0'; ; ) {
    const begunAt = performance.now();
    const { rows, lastId } = await foldBatch(pool, afterId);
    folded += rows;
    if (rows < batchRows || lastId === null || signal?.aborted) return folded;
    afterId = lastId;
    await sleep(performance.now() - begunAt);
  }
}

function foldBatch(pool: pg.Pool, afterId: string): Promise<Folded> {
  return inTransaction(pool, async (connection) => {
    const lock = await connection.query<{ mine: boolean }>({
      name: 'tally-lock',
      text: 'SELECT pg_try_advisory_xact_lock($1, $2) AS mine',
      values: [...advisoryLocks.tally],
    });
    if (!lock.rows[0]?.mine) return nothing;
    const { rows } = await connection.query<Folded>({ name: 'fold', text: foldSql, values: [afterId] });
    const folded = rows[0] ?? nothing;
    await renewUsual(connection, folded.latest);
    return folded;
  });
}

interface UsualRow {
  readonly type: string;
  readonly recentMs: number[];
}

/** Computes anew how long the tasks of these types usually take. The caller holds the lock of the tally. */
async function renewUsual(connection: Connection, latest: Folded['latest']): Promise<void> {
  const types = Object.keys(latest);
  if (types.length === 0) return;
  const known = await connection.query<UsualRow>({
    name: 'read-usual',
    text: `SELECT type, recent_ms AS "recentMs" FROM ${tables.taskUsual} WHERE type = ANY ($1)`,
    values: [types],
  });
  const before = new Map(known.rows.map(({ type, recentMs }) => [type, recentMs]));
  const renewed = Object.entries(latest).map(([type, newMs]) => {
    const recentMs = [...(before.get(type) ?? []), ...newMs].slice(-keptRuns);
    return { type, recentMs, ...usualOf(recentMs) };
  });
  await connection.query({
    name: 'renew-usual',
    text: `
      INSERT INTO ${tables.taskUsual} (type, recent_ms, runs, p50_seconds, p90_seconds)
      SELECT type, "recentMs", runs, "p50Seconds", "p90Seconds"
      FROM jsonb_to_recordset($1::jsonb)
        AS usual (type text, "recentMs" real[], runs int, "p50Seconds" float8, "p90Seconds" float8)
      ON CONFLICT (type) DO UPDATE
      SET recent_ms = excluded.recent_ms, runs = excluded.runs,
          p50_seconds = excluded.p50_seconds, p90_seconds = excluded.p90_seconds`,
    values: [JSON.stringify(renewed)],
  });
}
