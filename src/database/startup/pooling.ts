/**
 * Recognises a pooler that lends a session for one transaction or statement only, so that a connection to it
 * has no session of its own: its LISTEN hears nothing, and its SET changes the sessions of others.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { connectPlainly } from '../connect.ts';
import { messageOf } from '../error-text.ts';
import { DatabaseSetupError, hostOf } from './setup-error.ts';

/**
 * How long to wait for a notification. From PostgreSQL itself, and through a pooler that pools sessions, it
 * comes at once.
 */
const notificationMs = 2_000;
/** How long to wait until a pooler lends a session. */
const sessionMs = 5_000;
/** The same for sessions beyond those that are needed: a start is not held up for long by a warning. */
const furtherSessionMs = 2_000;

export interface PoolingOptions {
  /** The least number of sessions that Headway needs of a pooler. */
  readonly needed: number;
  /** The most that it may take, which is looked for too; default `needed`. */
  readonly wanted?: number;
  /** Whether LISTEN is possible there (default true): not on a standby. */
  readonly canListen?: boolean;
}

/**
 * @returns what to do about a pooler that has fewer sessions than are wanted, as a sentence; undefined if there is
 *   nothing to do
 * @throws {DatabaseSetupError} that says what to do
 */
export async function checkPooling(
  url: string,
  { needed, wanted = needed, canListen = true }: PoolingOptions,
): Promise<string | undefined> {
  const clients: pg.Client[] = [];
  const connect = async (queryTimeoutMs = sessionMs) => {
    const client = await connectPlainly(url, { queryTimeoutMs });
    clients.push(client);
    return client;
  };
  let isPooled = false;
  let sessions = 0;
  try {
    const first = await connect();
    isPooled = (await pidOf(first)) !== ownPid(first);
    sessions = 1;
    const second = await connect();
    if (await sharesSession(first, second)) throw shared(url);
    // A pooler with several idle sessions may have lent the same one to `first` each time, by chance.
    if (canListen && !(await hears(first, second))) throw shared(url);
    if (!isPooled) return undefined;
    for (sessions = 2; sessions < wanted; sessions += 1)
      await pidOf(await connect(sessions < needed ? sessionMs : furtherSessionMs));
    return undefined;
  } catch (error) {
    if (!isPooled || error instanceof DatabaseSetupError) throw error;
    const told = tooFew(url, { sessions, needed, wanted, error });
    if (sessions < needed) throw new DatabaseSetupError(told, { cause: error });
    return told;
  } finally {
    for (const client of clients) client.end().catch(() => undefined);
  }
}

/** Whether a pooler lends the session of `first` to others while it is connected. */
async function sharesSession(first: pg.Client, second: pg.Client): Promise<boolean> {
  const pid = await pidOf(first);
  // An idle pooler would lend both connections the same session in turn. This transaction keeps a session for
  // `second`. If it is the one that `first` had, the pooler lends sessions by the transaction.
  try {
    await second.query('BEGIN');
  } catch (error) {
    // A pooler that pools by the statement refuses transactions.
    if (/pool/i.test(messageOf(error))) return true;
    throw error;
  }
  return (await pidOf(second)) === pid || (await pidOf(first)) !== pid;
}

/**
 * Whether a notification reaches a connection that only waits. Commits the transaction that `sharesSession`
 * began on `speaker`.
 */
async function hears(listener: pg.Client, speaker: pg.Client): Promise<boolean> {
  const channel = `headway_check_${randomBytes(8).toString('hex')}`;
  const heard = new Promise<true>((resolve) => listener.once('notification', () => resolve(true)));
  await listener.query(`LISTEN ${channel}`);
  await speaker.query(`NOTIFY ${channel}; COMMIT`);
  const hasHeard = await Promise.race([heard, sleep(notificationMs, false, { ref: false })]);
  // The machine may be too busy for the time limit. But PostgreSQL sends the notification with the next
  // answer at the latest.
  if (!hasHeard) await pidOf(listener);
  return Promise.race([heard, sleep(0, false)]);
}

async function pidOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]?.pid ?? 0;
}

/**
 * The pid that was sent when the connection was made. PostgreSQL sends the pid of the process that serves it;
 * a pooler sends a number of its own.
 */
function ownPid(client: pg.Client): number | null {
  // The published types lack `processID`.
  return (client as unknown as { processID: number | null }).processID;
}

function shared(url: string): DatabaseSetupError {
  return new DatabaseSetupError(
    `${hostOf(url)} is a pooler that lends sessions by the transaction or the statement, so that neither LISTEN nor session settings work: set DATABASE_URL to a pooler that pools sessions (PgBouncer: pool_mode = session), or to PostgreSQL itself.`,
  );
}

function tooFew(
  url: string,
  { sessions, needed, wanted, error }: { sessions: number; needed: number; wanted: number; error: unknown },
): string {
  const needs =
    sessions < needed ? `the ${needed} sessions that Headway needs` : `${wanted} sessions that it may take`;
  return `The pooler at ${hostOf(url)} gives only ${sessions} of ${needs} (${messageOf(error)}): enlarge its pool (PgBouncer: default_pool_size and max_client_conn).`;
}
