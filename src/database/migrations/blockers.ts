/** Finds out who holds the locks that a process of PostgreSQL waits for. */
import type pg from 'pg';

export interface Blocker {
  /** 0 for a prepared transaction, which has no process. */
  readonly pid: number;
  readonly application: string | null;
  readonly role: string | null;
  /** Null if the client is on the same machine, or if our role may not see its address. */
  readonly address: string | null;
  /** The state of the session, such as `idle in transaction`. */
  readonly state: string | null;
  /** When its transaction began; without a transaction, when its connection began. */
  readonly since: Date | null;
  readonly seconds: number | null;
}

// A process that blocks us may itself be blocked. Only the last ones in each chain, which wait for nobody,
// are listed.
const blockersSql = `
  WITH RECURSIVE chain (pid) AS (
    SELECT unnest(pg_blocking_pids($1))
    UNION
    SELECT unnest(pg_blocking_pids(pid)) FROM chain
  )
  SELECT pid, nullif(application_name, '') AS application, usename AS role, host(client_addr) AS address, state,
         coalesce(xact_start, backend_start) AS since,
         extract(epoch FROM clock_timestamp() - coalesce(xact_start, backend_start))::float8 AS seconds
  FROM chain LEFT JOIN pg_stat_activity USING (pid)
  WHERE cardinality(pg_blocking_pids(pid)) = 0
  ORDER BY since`;

export async function findBlockers(client: pg.Client, pid: number): Promise<Blocker[]> {
  const { rows } = await client.query<Blocker>(blockersSql, [pid]);
  return rows;
}

/**
 * The end of a sentence that says what waits for these processes, and what to do:
 * `process 4711 (…), and is tried again. …`.
 */
export function describeBlockers(blockers: readonly Blocker[]): string {
  const processes = blockers.filter(({ pid }) => pid !== 0);
  const names = processes.map(describe);
  if (processes.length < blockers.length) names.push('a prepared transaction (see pg_prepared_xacts)');
  const endings = processes.map(({ pid }) => `SELECT pg_terminate_backend(${pid});`).join(' ');
  const advice = endings && ` If the wait is too long, end what blocks it: ${endings}`;
  return `${names.join(' and ')}, and is tried again.${advice}`;
}

function describe({ pid, application, role, address, state, since, seconds }: Blocker): string {
  const details = [
    application ?? 'without a name',
    role && `role ${role}`,
    address && `from ${address}`,
    state,
    since && `since ${since.toISOString()}, ${Math.round(seconds ?? 0)} s`,
  ];
  return `process ${pid} of PostgreSQL (${details.filter(Boolean).join(', ')})`;
}
