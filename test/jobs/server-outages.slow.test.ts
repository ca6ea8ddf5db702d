/** A PostgreSQL that runs but does not work: read-only, frozen, or out of connections. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EmbeddedPostgres } from '../../src/database/embedded/postgres.ts';
import { within } from '../support/calibration.ts';
import { copyDataDir, query, signalServer, startHere } from '../support/embedded.ts';
import { eventually } from '../support/eventually.ts';
import { pollUntil, postTask, startHeadway } from '../support/process.ts';
import { expectReadableLog } from '../support/readable-log.ts';
import { withName } from '../support/server.ts';
import { isFinished, isUnderWay } from '../support/task-states.ts';

const leaseSeconds = 3;
/** Long enough for every lease to lapse. */
const outageMs = (leaseSeconds + 2) * 1000;

describe('while PostgreSQL', () => {
  let dataDir: Awaited<ReturnType<typeof copyDataDir>>;
  let postgres: EmbeddedPostgres;
  let admin: pg.Client;
  let headway: Awaited<ReturnType<typeof startHeadway>>;
  let url: string;
  let saidBefore = 0;

  beforeAll(async () => {
    dataDir = await copyDataDir();
    postgres = await startHere(dataDir.path);
    await query(postgres.url, 'CREATE ROLE headway LOGIN');
    const options = '-c default_transaction_read_only=off';
    admin = new pg.Client({ connectionString: postgres.url, options });
    admin.on('error', () => undefined);
    await admin.connect();
    // An ordinary user of the server, who owns the database.
    await admin.query('CREATE DATABASE own OWNER headway');
    const own = new URL(withName(postgres.url, 'own'));
    own.username = 'headway';
    headway = await startHeadway({ DATABASE_URL: own.href, HEADWAY_LEASE_SECONDS: String(leaseSeconds) });
    url = headway.url;
  });

  beforeEach(() => {
    saidBefore = headway.stdout.length;
  });

  afterAll(async () => {
    headway.signal('SIGKILL');
    await headway.exited;
    await admin.end();
    await postgres.stop();
    await dataDir[Symbol.asyncDispose]();
  });

  async function startJob(): Promise<string> {
    const { id } = await postTask(url, 'counts', { names: 80, stepMs: 50 });
    await pollUntil(url, id, isUnderWay);
    return id;
  }

  async function readyz(): Promise<{ status: number; body: string }> {
    const response = await fetch(`${url}/readyz`);
    return { status: response.status, body: await response.text() };
  }

  /**
   * Submits, and expects a refusal that is temporary.
   * @returns the text of the refusal
   */
  async function expectRefusal(): Promise<string> {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"type":"noop"}' };
    const response = await within(6_000, () => fetch(`${url}/tasks`, init));
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('5');
    return ((await response.json()) as { detail: string }).detail;
  }

  /** Ends the outage by `end`, and checks what follows. */
  async function expectSoonWell(id: string, end: () => Promise<unknown>): Promise<void> {
    await within(6_000, async () => {
      await end();
      const { id: next } = await eventually(() => postTask(url, 'noop', null));
      await pollUntil(url, next, isFinished);
      await eventually(async () => (await readyz()).status === 200);
    });
    const task = await pollUntil(url, id, isFinished);
    expect(task).toMatchObject({ status: 'succeeded', attempt: 1, failures: 0 });
    expectReadableLog(headway.stdout.slice(saidBefore));
  }

  it('is read-only, the service is not ready and refuses tasks, and attempts survive', async () => {
    const id = await startJob();

    await admin.query('ALTER SYSTEM SET default_transaction_read_only = on');
    await admin.query('SELECT pg_reload_conf()');
    const refused = await eventually(async () => {
      const answer = await readyz();
      return answer.status === 503 ? answer : undefined;
    });
    const told = await expectRefusal();
    await sleep(outageMs);
    const poll = await fetch(`${url}/tasks/${id}`);

    expect(refused.body).toContain('The database is read-only.');
    expect(told).toContain('The database is read-only.');
    expect([poll.status, poll.headers.has('age')]).toEqual([200, false]);
    await expectSoonWell(id, async () => {
      await admin.query('ALTER SYSTEM RESET default_transaction_read_only');
      await admin.query('SELECT pg_reload_conf()');
    });
  });

  it('has no free connection, requests are refused in time, and attempts survive', async () => {
    const id = await startJob();

    await admin.query('ALTER ROLE headway CONNECTION LIMIT 0');
    await admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'headway'`);
    await expectRefusal();
    await sleep(outageMs);
    const during = await within(2_500, readyz);

    expect(during.status).toBe(503);
    await expectSoonWell(id, () => admin.query('ALTER ROLE headway CONNECTION LIMIT -1'));
  });

  it('is frozen, readiness and polls are answered in time, and attempts survive', async () => {
    const id = await startJob();

    await signalServer(dataDir.path, 'SIGSTOP');
    const [during] = await Promise.all([within(2_500, readyz), expectRefusal()]);
    const marked = await fetch(`${url}/tasks/${id}`);
    await sleep(outageMs);

    expect(during.status).toBe(503);
    expect(marked.status).toBe(200);
    expect(Number(marked.headers.get('age'))).toBeGreaterThan(0);
    await expectSoonWell(id, () => signalServer(dataDir.path, 'SIGCONT'));
  });
});
