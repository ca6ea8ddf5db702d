/** A PostgreSQL that is there and does not do what it should: read-only, full, frozen, out of connections. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EmbeddedPostgres } from '../../src/database/embedded/postgres.ts';
import { makeDataDir, query, signalServer, startHere } from '../support/embedded.ts';
import { eventually } from '../support/eventually.ts';
import { pollUntil, postTask, startHeadway, type TaskBody } from '../support/process.ts';
import { withName } from '../support/server.ts';
import { canMount, mountSmallDisk } from '../support/small-disk.ts';

const leaseSeconds = 3;
const outageMs = 3 * leaseSeconds * 1000;
const isFinished = ({ finishedAt }: TaskBody) => finishedAt !== null;
const isUnderWay = ({ status, done }: TaskBody) => status === 'running' && (done ?? 0) > 0;

describe('while PostgreSQL', () => {
  let dataDir: Awaited<ReturnType<typeof makeDataDir>>;
  let postgres: EmbeddedPostgres;
  let admin: pg.Client;
  let headway: Awaited<ReturnType<typeof startHeadway>> | undefined;

  beforeEach(async () => {
    headway = undefined;
    dataDir = await makeDataDir();
    postgres = await startHere(dataDir.path);
    await query(postgres.url, 'CREATE ROLE headway LOGIN');
    admin = new pg.Client({
      connectionString: postgres.url,
      options: '-c default_transaction_read_only=off',
    });
    admin.on('error', () => undefined);
    await admin.connect();
  });

  afterEach(async () => {
    headway?.signal('SIGKILL');
    await headway?.exited;
    await admin.end();
    await postgres.stop();
    await dataDir[Symbol.asyncDispose]();
  });

  /** As an ordinary user of the server, whose own the database is. */
  async function start(database = '') {
    await admin.query(`CREATE DATABASE own OWNER headway ${database}`);
    const url = new URL(withName(postgres.url, 'own'));
    url.username = 'headway';
    headway = await startHeadway({ DATABASE_URL: url.href, HEADWAY_LEASE_SECONDS: String(leaseSeconds) });
    return headway.url;
  }

  async function readyz(url: string): Promise<{ status: number; ms: number; body: string }> {
    const began = performance.now();
    const response = await fetch(`${url}/readyz`);
    const body = await response.text();
    return { status: response.status, ms: performance.now() - began, body };
  }

  /** Submits, and expects to be refused for now. */
  /** @returns what people are told */
  async function expectRefusal(url: string): Promise<string> {
    const began = performance.now();
    const response = await fetch(`${url}/tasks`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"type":"noop"}',
    });
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('5');
    expect(performance.now() - began).toBeLessThan(6_000);
    return ((await response.json()) as { detail: string }).detail;
  }

  async function expectSoonWell(url: string, id: string): Promise<void> {
    const began = performance.now();
    const { id: next } = await eventually(() => postTask(url, 'noop', null));
    await pollUntil(url, next, isFinished);
    await eventually(async () => (await readyz(url)).status === 200);
    expect(performance.now() - began).toBeLessThan(6_000);
    const task = await pollUntil(url, id, isFinished);
    expect(task).toMatchObject({ status: 'succeeded', attempt: 1, failures: 0 });
    expectReadableLog();
  }

  /** Of each thing that is said at warn and above, a line in 10 s at most, and of all a handful. */
  function expectReadableLog(): void {
    const loud = headway?.stdout.match(/^\{"level":[456]0.*$/gm) ?? [];
    const counts = Map.groupBy(loud, (line) => {
      const { name, msg } = JSON.parse(line) as { name: string; msg: string };
      return `${name}: ${msg}`;
    });
    expect(Math.max(0, ...[...counts.values()].map((lines) => lines.length))).toBeLessThanOrEqual(4);
    expect(loud.length).toBeLessThanOrEqual(15);
  }

  it('is read-only, it is not ready, tasks are refused, and attempts outlive it', async () => {
    const url = await start();
    const { id } = await postTask(url, 'counts', { names: 150, stepMs: 50 });
    await pollUntil(url, id, isUnderWay);

    await admin.query('ALTER SYSTEM SET default_transaction_read_only = on');
    await admin.query('SELECT pg_reload_conf()');
    const refused = await eventually(async () => {
      const answer = await readyz(url);
      return answer.status === 503 ? answer : undefined;
    });
    const told = await expectRefusal(url);
    await sleep(outageMs);
    const poll = await fetch(`${url}/tasks/${id}`);

    expect(refused.body).toContain('The database is read-only.');
    expect(told).toContain('The database is read-only.');
    expect([poll.status, poll.headers.has('age')]).toEqual([200, false]);
    await admin.query('ALTER SYSTEM RESET default_transaction_read_only');
    await admin.query('SELECT pg_reload_conf()');
    await expectSoonWell(url, id);
  });

  it('has no connection to spare, requests are refused in time, and attempts outlive it', async () => {
    const url = await start();
    const { id } = await postTask(url, 'counts', { names: 150, stepMs: 50 });
    await pollUntil(url, id, isUnderWay);

    await admin.query('ALTER ROLE headway CONNECTION LIMIT 0');
    await admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'headway'`);
    await expectRefusal(url);
    await sleep(outageMs);
    const during = await readyz(url);
    await admin.query('ALTER ROLE headway CONNECTION LIMIT -1');

    expect(during.status).toBe(503);
    expect(during.ms).toBeLessThan(2_500);
    await expectSoonWell(url, id);
  });

  it('is frozen, readiness and polls are answered in time, and attempts outlive it', async () => {
    const url = await start();
    const { id } = await postTask(url, 'counts', { names: 150, stepMs: 50 });
    await pollUntil(url, id, isUnderWay);

    await signalServer(dataDir.path, 'SIGSTOP');
    const [during] = await Promise.all([readyz(url), expectRefusal(url)]);
    const marked = await fetch(`${url}/tasks/${id}`);
    await sleep(outageMs);
    await signalServer(dataDir.path, 'SIGCONT');

    expect(during.status).toBe(503);
    expect(during.ms).toBeLessThan(2_500);
    expect(marked.status).toBe(200);
    expect(Number(marked.headers.get('age'))).toBeGreaterThan(0);
    await expectSoonWell(url, id);
  });

  it.skipIf(!canMount)('has no disk left, an import waits for room and loses nothing', async () => {
    await using disk = await mountSmallDisk(dataDir.path, 72);
    await admin.query(`CREATE TABLESPACE small LOCATION '${disk.path}'`);
    await admin.query('GRANT CREATE ON TABLESPACE small TO headway');
    const url = await start('TABLESPACE small');
    await admin.query('CREATE TABLE filler (bytes text STORAGE external) TABLESPACE small');
    const fill = `INSERT INTO filler SELECT repeat('x', 1000000) FROM generate_series(1, $1::int)`;
    await admin.query(fill, [45]);
    const rows = 200_000;
    const lines = Array.from({ length: rows }, (_, n) => `${n},name ${n}`);
    const response = await fetch(`${url}/tasks/csv-import?dataset=full`, {
      method: 'POST',
      headers: { 'content-type': 'text/csv' },
      body: `id,name\n${lines.join('\n')}\n`,
    });
    const { id } = (await response.json()) as TaskBody;

    const full = await eventually(
      () =>
        admin.query(fill, [1]).then(
          () => undefined,
          (error: unknown) => error,
        ),
      {
        intervalMs: 1_000,
      },
    );
    await sleep(outageMs);
    const during = await pollUntil(url, id, () => true);
    await admin.query('DROP TABLE filler');

    expect(full).toMatchObject({ code: '53100' });
    expect(during.status).toBe('running');
    const task = await pollUntil(url, id, isFinished);
    expect(task).toMatchObject({ status: 'succeeded', attempt: 1, failures: 0, result: { imported: rows } });
    expectReadableLog();
    headway?.signal('SIGKILL');
    await headway?.exited;
    await admin.query('DROP DATABASE own WITH (FORCE)');
    await admin.query('DROP TABLESPACE small');
  });
});
