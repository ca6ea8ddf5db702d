/**
 * Finds connections that hang: a firewall that forgets a flow closes nothing, and whoever waits for an answer
 * on it waits for the limit of the statement, which is long where jobs run statements of their own. So when
 * an answer is late, PostgreSQL is asked over a new connection whether it is still at work on it.
 */
import pg from 'pg';
import type { PooledClient } from './client.ts';

/** An answer later than this is asked after. */
const lateMs = 3_000;
/** Between two questions, also after one that was not answered. */
const restMs = 3_000;
const turnMs = 500;
const askTimeoutMs = 2_000;

// A process that is gone, that waits for us, or that waits for the next statement will not answer this one.
const askSql = `
  SELECT asked.pid, pg_backend_pid() AS "ownPid",
         activity.pid IS NULL OR activity.state LIKE 'idle%' OR activity.wait_event_type = 'Client' AS "isDone"
  FROM unnest($1::int[]) AS asked (pid)
  LEFT JOIN pg_stat_activity AS activity ON activity.pid = asked.pid`;

/** Watches the connections of a pool of `PooledClient`s for as long as there are any. */
export function watch(pool: pg.Pool, url: string): void {
  const watchdog = new Watchdog(url);
  // The pool's options name the class of its clients.
  const each = (react: (client: PooledClient) => void) => (client: pg.PoolClient) =>
    react(client as unknown as PooledClient);
  pool.on(
    'connect',
    each((client) => watchdog.add(client)),
  );
  pool.on(
    'acquire',
    each((client) => watchdog.lend(client)),
  );
  pool.on('release', (_error, client) => each((returned) => watchdog.takeBack(returned))(client));
  pool.on(
    'remove',
    each((client) => watchdog.remove(client)),
  );
}

class Watchdog {
  private readonly url: string;
  private readonly clients = new Set<PooledClient>();
  private readonly lent = new Set<PooledClient>();
  private timer: NodeJS.Timeout | undefined;
  private isAsking = false;
  private nextAskMs = 0;

  constructor(url: string) {
    this.url = url;
  }

  add(client: PooledClient): void {
    this.clients.add(client);
    client.onStatementTimeout = () => this.dropIdle();
    this.timer ??= setInterval(() => this.turn(), turnMs).unref();
  }

  lend(client: PooledClient): void {
    this.lent.add(client);
  }

  takeBack(client: PooledClient): void {
    this.lent.delete(client);
  }

  remove(client: PooledClient): void {
    this.clients.delete(client);
    this.lent.delete(client);
    if (this.clients.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** Where one connection hangs, those beside it probably do: what is needed next is made anew. */
  private dropIdle(): void {
    for (const client of this.clients) if (!this.lent.has(client)) client.drop();
  }

  private turn(): void {
    const nowMs = performance.now();
    const late = [...this.clients].filter((client) => client.silentMs(nowMs) > lateMs);
    if (late.length === 0 || this.isAsking || nowMs < this.nextAskMs) return;
    this.isAsking = true;
    this.dropDone(late)
      // Without an answer nothing is known: the limits of the statements are left.
      .catch(() => undefined)
      .finally(() => {
        this.isAsking = false;
        this.nextAskMs = performance.now() + restMs;
      });
  }

  private async dropDone(late: readonly PooledClient[]): Promise<void> {
    const done = await askDone(
      this.url,
      late.map((client) => client.serverPid ?? 0),
    );
    const nowMs = performance.now();
    // An answer may have come meanwhile, and another statement have been sent.
    const hanging = late.filter(
      (client) => done.has(client.serverPid ?? 0) && client.silentMs(nowMs) > lateMs,
    );
    for (const client of hanging) client.drop();
    if (hanging.length > 0) this.dropIdle();
  }
}

/** Those of the server's processes that are not at work on a statement; none where a pooler hides the processes. */
async function askDone(url: string, pids: readonly number[]): Promise<ReadonlySet<number>> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'headway watchdog',
    connectionTimeoutMillis: askTimeoutMs,
    query_timeout: askTimeoutMs,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ pid: number; ownPid: number; isDone: boolean | null }>(askSql, [
      pids,
    ]);
    // Not in the published types.
    const { processID } = client as unknown as { processID: number | null };
    return new Set(rows.filter((row) => row.isDone && row.ownPid === processID).map((row) => row.pid));
  } finally {
    client.end().catch(() => undefined);
  }
}
