/**
 * `task_minute`: what began and ended in each minute, which is what rates and percentiles are read from. The older
 * minutes are, the longer are the spans that they are added up to, and the oldest are deleted. So there are at most
 * 1,200 rows for each type and outcome, however much is done.
 */
import type pg from 'pg';
import { advisoryLocks, tables } from '../../database/names.ts';
import type { Outcome } from './append.ts';
import { bucketSql, type Histogram } from './histogram.ts';

/**
 * An INSERT that adds to the rows of spans.
 * @param parts name of a query with the columns `minutes`, `start`, `type`, `outcome`, `bucket`, `count` (in that
 *   bucket) and `total_ms` (their sum)
 */
export function addToMinutesSql(parts: string): string {
  return `
    INSERT INTO ${tables.taskMinute} AS known (minutes, start, type, outcome, count, total_ms, buckets, counts)
    SELECT minutes, start, type, outcome, sum(count), sum(total_ms),
           array_agg(bucket ORDER BY bucket), array_agg(count ORDER BY bucket)
    FROM (
      SELECT minutes, start, type, outcome, bucket, sum(count)::int AS count, sum(total_ms) AS total_ms
      FROM ${parts}
      GROUP BY minutes, start, type, outcome, bucket
    ) AS part
    GROUP BY minutes, start, type, outcome
    ON CONFLICT (minutes, start, type, outcome) DO UPDATE
    SET count = known.count + excluded.count, total_ms = known.total_ms + excluded.total_ms,
        (buckets, counts) = (
          SELECT array_agg(bucket ORDER BY bucket), array_agg(count ORDER BY bucket)
          FROM (
            SELECT bucket, sum(count)::int AS count
            FROM (SELECT * FROM unnest(known.buckets, known.counts)
                  UNION ALL
                  SELECT * FROM unnest(excluded.buckets, excluded.counts)) AS part (bucket, count)
            GROUP BY bucket
          ) AS merged)`;
}

/** SQL of the parts that the attempts of a query make, with their `at`, `type`, `outcome` and `ms`. */
export function minutePartsSql(attempts: string): string {
  return `
    SELECT 1 AS minutes, date_trunc('minute', at) AS start, type, outcome, ${bucketSql('ms')} AS bucket,
           count(*) AS count, sum(ms::float8) AS total_ms
    FROM ${attempts}
    GROUP BY 2, 3, 4, 5`;
}

/** The lengths of spans in minutes, and after how many hours the next length follows, or nothing. */
const lengths = [
  { minutes: 1, hours: 2 },
  { minutes: 10, hours: 2 * 24 },
  { minutes: 60, hours: 14 * 24 },
  { minutes: 24 * 60, hours: 366 * 24 },
] as const;
const batchRows = 1_000;

/**
 * SQL of the start of the span in which a time lies. Days are those of UTC.
 * @param minutes SQL of the length of the span
 */
function startSql(minutes: string, at: string): string {
  return `date_bin(make_interval(mins => ${minutes}), ${at}, timestamptz '2000-01-01 00:00:00Z')`;
}

// The spans that become coarser fill the longer span. What is folded late, into a span that has become coarser,
// makes a row of its own, which the next turn adds to it.
const coarsenSql = `
  WITH lock AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(${advisoryLocks.tally.join(', ')}) AS mine
  ), old AS MATERIALIZED (
    SELECT minutes, start, type, outcome FROM ${tables.taskMinute}
    WHERE minutes = $1 AND start < ${startSql('$2::int', 'now() - make_interval(hours => $3)')} AND (SELECT mine FROM lock)
    ORDER BY start
    LIMIT ${batchRows}
  ), taken AS (
    DELETE FROM ${tables.taskMinute} AS span USING old
    WHERE span.minutes = old.minutes AND span.start = old.start AND span.type = old.type AND span.outcome = old.outcome
    RETURNING span.*
  ), part AS (
    SELECT $2::int AS minutes, ${startSql('$2::int', 'start')} AS start, type, outcome, spread.bucket, spread.count,
           total_ms * spread.count / taken.count AS total_ms
    FROM taken CROSS JOIN unnest(buckets, counts) AS spread (bucket, count)
  ), added AS (${addToMinutesSql('part')}
  )
  SELECT count(*)::int AS rows FROM taken`;

/** Makes old spans coarser, a thousand at a time, until none is left or `signal` aborts, and deletes the oldest. */
export async function coarsen(pool: pg.Pool, signal?: AbortSignal): Promise<void> {
  for (const [place, { minutes, hours }] of lengths.entries()) {
    const next = lengths[place + 1]?.minutes;
    if (next === undefined) return forget(pool, minutes, hours);
    for (;;) {
      if (signal?.aborted) return;
      const { rows } = await pool.query<{ rows: number }>({
        name: 'coarsen',
        text: coarsenSql,
        values: [minutes, next, hours],
      });
      if ((rows[0]?.rows ?? 0) < batchRows) break;
    }
  }
}

async function forget(pool: pg.Pool, minutes: number, hours: number): Promise<void> {
  await pool.query({
    name: 'forget-spans',
    text: `DELETE FROM ${tables.taskMinute} WHERE minutes = $1 AND start < now() - make_interval(hours => $2)`,
    values: [minutes, hours],
  });
}

/** What became of attempts of one type in a while. */
export interface Happened extends Histogram {
  readonly type: string;
  readonly outcome: Outcome;
  readonly count: number;
  readonly totalMs: number;
}

/**
 * What began and ended since a time, by type and outcome, up to the last fold. It reads by the primary key. Where
 * the time lies in a span that is coarser than a minute, the whole span is counted.
 */
export async function readSince(pool: pg.Pool, since: Date): Promise<Happened[]> {
  const { rows } = await pool.query<Happened>({
    name: 'tally-since',
    text: `
      SELECT type, outcome, sum(count)::int AS count, sum(total_ms) AS "totalMs",
             array_agg(bucket ORDER BY bucket) AS buckets, array_agg(count ORDER BY bucket) AS counts
      FROM (
        SELECT type, outcome, spread.bucket, sum(spread.count)::int AS count, sum(total_ms * spread.count / span.count) AS total_ms
        FROM ${tables.taskMinute} AS span CROSS JOIN unnest(buckets, counts) AS spread (bucket, count)
        WHERE ${lengths.map(({ minutes }) => `minutes = ${minutes} AND start > $1::timestamptz - interval '${minutes} minutes'`).join(' OR ')}
        GROUP BY type, outcome, spread.bucket
      ) AS part
      GROUP BY type, outcome
      ORDER BY type, outcome`,
    values: [since],
  });
  return rows;
}
