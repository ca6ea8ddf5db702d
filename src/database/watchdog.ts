/**
 * Finds connections that hang. When a firewall forgets a connection, nothing closes it: a statement on it
 * waits for its time limit, which is long for the statements of jobs. So when an answer is late, the watchdog
 * opens a new connection and asks PostgreSQL whether it still works on the statement.
 */
import pg from 'pg';
import type { PooledClient } from './client.ts';

/** The watchdog asks about a connection that is silent for longer than this while an answer is due. */
const lateMs = 3_000;
/** The same limit for `alertMs` after another connection was found hanging. */
const lateBesideHangingMs = 500;
const alertMs = 5_000;
/** The pause between two questions, also after a question that was not answered. */
const restMs = 3_000;
const turnMs = 500;
const askTimeoutMs = 2_000;

// PostgreSQL sends no further answer when the process of the connection is gone, is idle, or waits for its
// client.
const askSql = `
  SELECT asked.pid, pg_backend_pid() AS "ownPid",
         activity.pid IS NULL OR activity.state LIKE 'idle%' OR activity.wait_event_type = 'Client' AS "isDone"
  FROM unnest($1::int[]) AS asked (pid)
  LEFT JOIN pg_stat_activity AS activity ON activity.pid = asked.pid`;

/**
 * The watchdogs by URL. All pools of a database share one, because their connections share a network: when
 * one of them hangs, the others are suspect, too.
 */
const watchdogs = new Map<string, Watchdog>();

/** Watches the connections of a pool of `PooledClient`s, until the last of them is closed. */
export function watch(pool: pg.Pool, url: string): void {
  // The cast is safe: the pool's options name PooledClient as the class of its clients.
  const pooled = (client: pg.PoolClient) => client as unknown as PooledClient;
  pool.on('connect', (client) => {
    const watchdog = watchdogs.get(url) ?? new Watchdog(url);
    watchdogs.set(url, watchdog);
    watchdog.add(pooled(client));
  });
  pool.on('acquire', (client) => watchdogs.get(url)?.lend(pooled(client)));
  pool.on('release', (_error, client) => watchdogs.get(url)?.takeBack(pooled(client)));
  pool.on('remove', (client) => watchdogs.get(url)?.remove(pooled(client)));
}

class Watchdog {
  private readonly url: string;
  private readonly clients = new Set<PooledClient>();
  private readonly lent = new Set<PooledClient>();
  private timer: NodeJS.Timeout | undefined;
  private isAsking = false;
  private nextAskMs = 0;
  /** Until when a silent connection is late after 500 ms already, because another one was found hanging. */
  private alertUntilMs = 0;
  /**
   * True if the last question got no answer, or the answer came from a pooler, which hides PostgreSQL's
   * processes.
   */
  private isBlind = false;

  constructor(url: string) {
    this.url = url;
  }

  add(client: PooledClient): void {
    this.clients.add(client);
    // When the watchdog can see that PostgreSQL still works on the statement, the connection is fine, and so
    // are the idle ones.
    client.onStatementTimeout = () => this.isBlind && this.dropIdle();
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
    watchdogs.delete(this.url);
  }

  /**
   * Drops the idle connections: when one connection hangs, they probably hang, too. The next statements get
   * new connections.
   */
  private dropIdle(): void {
    for (const client of this.clients) if (!this.lent.has(client)) client.drop();
  }

  private turn(): void {
    const nowMs = performance.now();
    const isAlert = nowMs < this.alertUntilMs;
    const late = this.waitingFor(isAlert ? lateBesideHangingMs : lateMs, nowMs);
    if (late.length === 0 || this.isAsking || nowMs < this.nextAskMs) return;
    this.isAsking = true;
    this.dropHanging()
      // Without an answer, the watchdog knows nothing: only the time limits of the statements end them.
      .catch(() => {
        this.isBlind = true;
        this.nextAskMs = performance.now() + restMs;
      })
      .finally(() => {
        this.isAsking = false;
      });
  }

  /** The connections on which an answer is due and nothing has come in for longer than this. */
  private waitingFor(ms: number, nowMs: number): PooledClient[] {
    return [...this.clients].filter((client) => client.silentMs(nowMs) > ms);
  }

  /** Drops the connections on whose statements PostgreSQL does not work any more. */
  private async dropHanging(): Promise<void> {
    const waiting = this.waitingFor(lateBesideHangingMs, performance.now());
    const pids = waiting.map((client) => client.serverPid ?? 0);
    const done = await askDone(this.url, pids);
    this.isBlind = done === undefined;
    const nowMs = performance.now();
    // Meanwhile, the answer may have come, and another statement may have been sent.
    const hanging = waiting.filter(
      (client) => done?.has(client.serverPid ?? 0) && client.silentMs(nowMs) > lateBesideHangingMs,
    );
    const wasAlert = nowMs < this.alertUntilMs;
    const isProven = wasAlert || hanging.some((client) => client.silentMs(nowMs) > lateMs);
    if (!isProven || hanging.length === 0) {
      this.nextAskMs = nowMs + (wasAlert ? lateBesideHangingMs : restMs);
      return;
    }
    for (const client of hanging) client.drop();
    // During an alert, idle connections stay: those that were made after its beginning are fine.
    if (!wasAlert) this.dropIdle();
    this.alertUntilMs = nowMs + alertMs;
  }
}

/**
 * Which of the server's processes do not work on a statement; undefined if a pooler hides the processes of
 * the server.
 */
async function askDone(url: string, pids: readonly number[]): Promise<ReadonlySet<number> | undefined> {
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
    // The published types lack `processID`.
    const { processID } = client as unknown as { processID: number | null };
    if (rows[0]?.ownPid !== processID) return undefined;
    return new Set(rows.filter((row) => row.isDone).map((row) => row.pid));
  } finally {
    client.end().catch(() => undefined);
  }
}
