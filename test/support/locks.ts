/** Transactions that stay open, and statements that stop halfway, while the test observes others. */
import pg from 'pg';
import type { Store } from '../../src/tasks/store.ts';
import { eventually } from './eventually.ts';

/** A connection that belongs to the test alone. */
export async function openConnection(store: Store): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: store.db.url });
  client.on('error', () => undefined);
  await client.connect();
  return Object.assign(client, {
    [Symbol.asyncDispose]: () => client.end(),
  });
}

/** A connection whose transaction stays open until the test ends it, or until the end of the test. */
export async function openTransaction(store: Store): Promise<pg.Client & AsyncDisposable> {
  const client = await openConnection(store);
  await client.query('BEGIN');
  return client;
}

/** A transaction that keeps the row of a task locked until it ends. */
export async function lockTask(store: Store, taskId: string): Promise<pg.Client & AsyncDisposable> {
  const client = await openTransaction(store);
  await client.query('SELECT FROM task_state WHERE id = $1 FOR UPDATE', [taskId]);
  return client;
}

/** Resolves when exactly this many connections of the database wait for locks. */
export async function untilBlocked(store: Store, count = 1): Promise<void> {
  await eventually(async () => (await lockWaiters(store)) === count);
}

async function lockWaiters(store: Store): Promise<number> {
  const { rows } = await store.db.pool.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return rows[0]?.count ?? 0;
}

/** From now on, claims stop in the middle, with all their locks, until the gate opens. */
export function slowClaims(store: Store): Promise<Gate> {
  return closeGate(store, `NEW.status = 'running' AND OLD.status = 'queued'`);
}

/** From now on, ends of attempts stop in the middle, with all their locks, until the gate opens. */
export function slowEnds(store: Store): Promise<Gate> {
  return closeGate(store, `NEW.status <> 'running' AND OLD.status = 'running'`);
}

export interface Gate extends AsyncDisposable {
  go(): Promise<void>;
}

async function closeGate(store: Store, condition: string): Promise<Gate> {
  const gate = await openConnection(store);
  await gate.query('SELECT pg_advisory_lock(1)');
  await gate.query(`
    CREATE OR REPLACE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END'`);
  await gate.query(`
    CREATE TRIGGER gate BEFORE UPDATE ON task_state
    FOR EACH ROW WHEN (${condition}) EXECUTE FUNCTION wait_at_gate()`);
  return {
    go: async () => void (await gate.query('SELECT pg_advisory_unlock(1)')),
    async [Symbol.asyncDispose]() {
      await gate.query('SELECT pg_advisory_unlock_all()');
      await gate.query('DROP TRIGGER gate ON task_state');
      await gate.end();
    },
  };
}
