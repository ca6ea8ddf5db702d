/**
 * Finds connections that hang: a firewall that forgets a flow closes nothing, and whoever waits for an answer
 * on it waits for the limit of the statement, which is long where jobs run statements of their own. So when
 * an answer is late, PostgreSQL is asked over a new connection whether it is still at work on it.
 */
import pg from 'pg';
import type { PooledClient } from './client.ts';

/** An answer later than this is asked after. */
const lateMs = 3_000;
/** ... and soon where another connection has just been found hanging. */
const lateBesideHangingMs = 500;
const alertMs = 5_000;
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

/** By URL: the connections of all pools to a database share a network; where one hangs, the others are suspect too. */
const watchdogs = new Map<string, Watchdog>();

/** Watches the connections of a pool of `PooledClient`s for as long as there are any. */
export function watch(pool: pg.Pool, url: string): void {
  // The pool's options name the class of its clients.
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
  /** Since a connection was found hanging. */
  private alertUntilMs = 0;
  /** The last question was not answered, or by somebody between us and PostgreSQL. */
  private isBlind = false;

  constructor(url: string) {
    this.url = url;
  }

  add(client: PooledClient): void {
    this.clients.add(client);
    // Of a statement that PostgreSQL was at work on, the connection was in order.
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

  /** Where one connection hangs, those beside it probably do: what is needed next is made anew. */
  private dropIdle(): void {
    for (const client of this.clients) if (!this.lent.has(client)) client.drop();
  }

  private turn(): void {
    const nowMs = performance.now();
    const isAlert = nowMs < this.alertUntilMs;
    const late = this.waitingFor(isAlert ? lateBesideHangingMs : lateMs, nowMs);
    if (late.length === 0 || this.isAsking || nowMs < this.nextAskMs) return;
    this.isAsking = true;
    this.dropDone()
      // Without an answer nothing is known: the limits of the statements are left.
      .catch(() => {
        this.isBlind = true;
        this.nextAskMs = performance.now() + restMs;
      })
      .finally(() => {
        this.isAsking = false;
      });
  }

  /** Those that have waited in silence for longer than that. */
  private waitingFor(ms: number, nowMs: number): PooledClient[] {
    return [...this.clients].filter((client) => client.silentMs(nowMs) > ms);
  }

  private async dropDone(): Promise<void> {
    const waiting = this.waitingFor(lateBesideHangingMs, performance.now());
    const pids = waiting.map((client) => client.serverPid ?? 0);
    const done = await askDone(this.url, pids);
    this.isBlind = done === undefined;
    const nowMs = performance.now();
    // An answer may have come meanwhile, and another statement have been sent.
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
    // Those that are made from now on are in order.
    if (!wasAlert) this.dropIdle();
    this.alertUntilMs = nowMs + alertMs;
  }
}

/** Those of the server's processes that are not at work on a statement; undefined where a pooler hides the processes. */
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
    // Not in the published types.
    const { processID } = client as unknown as { processID: number | null };
    if (rows[0]?.ownPid !== processID) return undefined;
    return new Set(rows.filter((row) => row.isDone).map((row) => row.pid));
  } finally {
    client.end().catch(() => undefined);
  }
}
