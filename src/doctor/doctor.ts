/**
 * Examines a live database: whether its invariants hold, and whether everything that its tasks depend on
 * works. It changes nothing.
 */
import type pg from 'pg';
import { type Connection, openPool } from '../database/database.ts';
import { isConnectionError } from '../database/error-kinds.ts';

import { tables } from '../database/names.ts';
import { addressOf, DatabaseSetupError, toSetupError } from '../database/startup/setup-error.ts';

import type { Finding } from './finding.ts';
import { examineSetup } from './setup.ts';
import {
  examineClock,
  examineRetention,
  examineTransactions,
  examineTypes,
  examineWork,
  type Work,
} from './surroundings.ts';
import { type ExplainedRules, findViolations } from './violations.ts';

export interface DoctorOptions {
  /**
   * The lease of the processes on this database. A violation younger than this and 7 s is not a finding yet.
   */
  readonly leaseSeconds: number;
  /**
   * When to read finished tasks. `auto`: if there are fewer than 200,000 tasks, which takes less than a
   * second.
   */
  readonly finished: 'auto' | 'always';
  /** The invariants of the tables of jobs. */
  readonly rules: readonly ExplainedRules[];
}

export interface Diagnosis {
  readonly isHealthy: boolean;
  readonly findings: readonly Finding[];
  /** The address of the database, without secrets. */
  readonly database: string;
  /** Absent if the database cannot be used. */
  readonly facts?: Facts;
}

export interface Facts extends Work {
  readonly serverVersion: string;
  readonly latencyMs: number;
  readonly clockAheadSeconds: number;
  /** The number of all tasks, as PostgreSQL estimates it. */
  readonly estimatedTasks: number;
  readonly hasReadFinished: boolean;
}

const fewTasks = 200_000;
/** How late the reaper may be after an outage. */
const reaperSeconds = 7;

/** @throws any error that does not come from an unusable database */
export async function examine(url: string, options: DoctorOptions): Promise<Diagnosis> {
  let pool: pg.Pool | undefined;
  try {
    const database = addressOf(url);
    pool = openPool(url, {
      name: 'headway doctor',
      connections: 1,
      statementTimeoutMs: 600_000,
      settings: { default_transaction_read_only: 'on' },
    });
    const connection = await pool.connect();
    try {
      return { database, ...(await examineAll(connection, options)) };
    } finally {
      connection.release();
    }
  } catch (error) {
    if (!(error instanceof DatabaseSetupError || isConnectionError(error) || pool?.totalCount === 0))
      throw error;
    return unreachable(toSetupError(error, url).message);
  } finally {
    await pool?.end();
  }
}

/** The diagnosis if no database can be examined. */
export function unreachable(why: string): Diagnosis {
  const finding = {
    check: 'database-unreachable',
    what: why,
    count: 1,
    examples: [],
    meaning: 'Running tasks go on as far as they can without the database. No other task begins or ends.',
    repair: 'By every process itself: it connects again as soon as the database answers.',
    otherwise: 'Do what the first line of this finding says.',
  };
  return { isHealthy: false, findings: [finding], database: 'unknown' };
}

async function examineAll(
  connection: Connection,
  { leaseSeconds, finished, rules }: DoctorOptions,
): Promise<Omit<Diagnosis, 'database'>> {
  const notReady = await examineSetup(connection);
  if (notReady.length > 0) return { isHealthy: false, findings: notReady };

  const clock = await examineClock(connection);
  const { serverVersion, estimatedTasks } = await askServer(connection);
  const { work, findings } = await examineWork(connection);
  findings.push(...(await examineTypes(connection)));
  const graceSeconds = leaseSeconds + reaperSeconds;
  findings.push(...(await findViolations(connection, 'unfinished', graceSeconds, rules)));
  const hasReadFinished = finished === 'always' || estimatedTasks < fewTasks;
  if (hasReadFinished) findings.push(...(await findViolations(connection, 'finished', graceSeconds, rules)));
  findings.push(...(await examineRetention(connection)));
  findings.push(...(await examineTransactions(connection)), ...clock.findings);

  const { latencyMs, aheadSeconds } = clock;
  const facts = {
    ...work,
    serverVersion,
    latencyMs,
    clockAheadSeconds: aheadSeconds,
    estimatedTasks,
    hasReadFinished,
  };
  return { isHealthy: findings.length === 0, findings: joined(findings), facts };
}

async function askServer(connection: Connection): Promise<{ serverVersion: string; estimatedTasks: number }> {
  // `reltuples` is the planner's estimate, from the last vacuum. The other number also counts changes since
  // then.
  const { rows } = await connection.query<{ serverVersion: string; estimatedTasks: number }>(
    `SELECT current_setting('server_version') AS "serverVersion",
            greatest(reltuples, pg_stat_get_live_tuples(oid), 0)::float8 AS "estimatedTasks"
     FROM pg_class
     WHERE oid = '${tables.taskState}'::regclass`,
  );
  if (!rows[0]) throw new Error('The database did not describe itself');
  return rows[0];
}

/** Joins findings of the same check: the unfinished and the finished part may report the same violation. */
function joined(findings: readonly Finding[]): Finding[] {
  return [...Map.groupBy(findings, (finding) => finding.check).values()].flatMap(([first, ...others]) =>
    first === undefined
      ? []
      : [
          {
            ...first,
            count: others.reduce((sum, other) => sum + other.count, first.count),
            examples: [first, ...others].flatMap((finding) => finding.examples).slice(0, 5),
          },
        ],
  );
}
