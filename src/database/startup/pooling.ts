/**
 * Recognises a pooler that lends its sessions by the transaction or the statement, so that a connection to it has no
 * session of its own: what LISTENs there hears nothing, and what it SETs holds for strangers.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { connectPlainly } from '../connect.ts';
import { messageOf } from '../error-text.ts';
import { DatabaseSetupError, hostOf } from './setup-error.ts';

/** In PostgreSQL itself, and through a pooler by sessions, it comes at once. */
const notificationMs = 2_000;
/** How long a pooler may let us wait for a session. */
const sessionMs = 5_000;

export interface PoolingOptions {
  /** The connections that are in use at the least: a pooler is asked whether it has as many sessions. */
  readonly needed: number;
  readonly canListen?: boolean;
}

/** @throws {DatabaseSetupError} that says what to do */
export async function checkPooling(url: string, { needed, canListen = true }: PoolingOptions): Promise<void> {
  const clients: pg.Client[] = [];
  const connect = async () => {
    const client = await connectPlainly(url, { queryTimeoutMs: sessionMs });
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
    // A pooler with several idle sessions may have given the same one by chance.
    if (canListen && !(await hears(first, second))) throw shared(url);
    if (!isPooled) return;
    for (sessions = 2; sessions < needed; sessions += 1) await pidOf(await connect());
  } catch (error) {
    if (!isPooled || error instanceof DatabaseSetupError) throw error;
    throw tooFew(url, { sessions, needed, error });
  } finally {
    for (const client of clients) client.end().catch(() => undefined);
  }
}

/** Whether a pooler lends the session of `first` to others while it is connected. */
async function sharesSession(first: pg.Client, second: pg.Client): Promise<boolean> {
  const pid = await pidOf(first);
  // An idle pooler would give everybody the same session in turn: this transaction keeps one away from `first`.
  try {
    await second.query('BEGIN');
  } catch (error) {
    if (/pool/i.test(messageOf(error))) return true;
    throw error;
  }
  return (await pidOf(second)) === pid || (await pidOf(first)) !== pid;
}

/** Whether a notification finds its way to a connection that does nothing but wait. */
async function hears(listener: pg.Client, speaker: pg.Client): Promise<boolean> {
  const channel = `headway_check_${randomBytes(8).toString('hex')}`;
  const heard = new Promise<true>((resolve) => listener.once('notification', () => resolve(true)));
  await listener.query(`LISTEN ${channel}`);
  await speaker.query(`NOTIFY ${channel}; COMMIT`);
  const hasHeard = await Promise.race([heard, sleep(notificationMs, false, { ref: false })]);
  // Where the machine is too busy for that, PostgreSQL tells it with the next answer at the latest.
  if (!hasHeard) await pidOf(listener);
  return Promise.race([heard, sleep(0, false)]);
}

async function pidOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]?.pid ?? 0;
}

/** PostgreSQL says at the door which process serves; a pooler says a number of its own. */
function ownPid(client: pg.Client): number | null {
  // Not in the published types.
  return (client as unknown as { processID: number | null }).processID;
}

function shared(url: string): DatabaseSetupError {
  return new DatabaseSetupError(
    `${hostOf(url)} is a pooler that lends sessions by the transaction or the statement, which carries neither LISTEN nor session settings: let DATABASE_URL name one that pools sessions (PgBouncer: pool_mode = session), or PostgreSQL itself.`,
  );
}

function tooFew(
  url: string,
  { sessions, needed, error }: { sessions: number; needed: number; error: unknown },
) {
  return new DatabaseSetupError(
    `The pooler at ${hostOf(url)} gives ${sessions} sessions and not one more (${messageOf(error)}), and Headway needs ${needed} at the least: enlarge its pool (PgBouncer: default_pool_size and max_client_conn).`,
    { cause: error },
  );
}
