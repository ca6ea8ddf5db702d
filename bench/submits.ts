/**
 * Submits a second, and the processor time of each: `POST /tasks` of a no-op job on Headway as `npm start` runs it,
 * with its runner and without, beside Fastify with one `send` of pg-boss a request. Each has a database of its own
 * in one PostgreSQL, and all run the whole time, so that each is measured beside the same idle neighbours.
 */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, openDatabase } from '../src/database/database.ts';
import { readPidFile } from '../src/database/embedded/processes.ts';
import { type Comparison, compareServed, rounds, type Served } from './comparison.ts';
import { processorTimeMs } from './processes.ts';
import { median } from './quantile.ts';
import { load, tool } from './reads/load.ts';
import { Server } from './servers.ts';
import { compareBatches } from './submits/batches.ts';
import { print, withPostgres } from './support.ts';

const seconds = 2;
const connections = 32;
const body = JSON.stringify({ type: 'bench-noop', input: null });

interface Peer {
  readonly name: string;
  readonly db: Database;
  readonly server: Server;
  readonly measured: Measured[];
}

interface Measured extends Served {
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Microseconds of processor time for each request: of the server with its runners, and of PostgreSQL. */
  readonly serverUs: number;
  readonly postgresUs: number;
  /** From the first submit to the start of its task; NaN without a runner. */
  readonly firstStartMs: number;
}

export function run(): Promise<Comparison[]> {
  return withPostgres(async (url, dataDir) => {
    const postmaster = (await readPidFile(path.join(dataDir, 'postgres/data')))?.pid ?? 0;
    const textbook = await startPeer(url, 'Fastify + pg-boss send', (own) =>
      Server.startPeer('submits/textbook.ts', [own]),
    );
    const off = await startPeer(url, 'no runner', (own) =>
      Server.startShipped(own, { HEADWAY_RUNNERS: '0' }),
    );
    const on = await startPeer(url, 'one runner', (own) => Server.startShipped(own));
    const peers = [textbook, off, on];
    for (let round = -1; round < rounds; round += 1) {
      for (const peer of peers) {
        const measured = await measure(peer, postmaster);
        // The first round only warms up.
        if (round >= 0) peer.measured.push(measured);
      }
    }
    printDetails(peers);
    const batches = await compareBatches({ url: off.server.url, db: off.db, empty: () => empty(off.db) });
    for (const { server, db } of peers) {
      await server.stop();
      await db.close();
    }
    const submits = [off, on].map(({ name, measured }) =>
      compareServed(`submits of a no-op job, ${name}`, measured, textbook),
    );
    return [...submits, batches];
  });
}

async function startPeer(
  url: string,
  name: string,
  start: (databaseUrl: string) => Promise<Server>,
): Promise<Peer> {
  const databaseName = name.replaceAll(/[^a-z]+/gi, '_').toLowerCase();
  const admin = openDatabase(url, { name: 'headway bench' });
  await admin.pool.query(`CREATE DATABASE ${databaseName}`);
  await admin.close();
  const own = new URL(url);
  own.pathname = `/${databaseName}`;
  const server = await start(own.href);
  return { name, server, db: openDatabase(own.href, { name: 'headway bench' }), measured: [] };
}

async function measure({ server, db }: Peer, postmaster: number): Promise<Measured> {
  const usage = () => Promise.all([server.usage(), processorTimeMs(postmaster)]);
  const [serverBefore, postgresBefore] = await usage();
  const { requestsPerSecond, p50Ms, p99Ms } = await load({
    ...{ url: server.url, paths: ['/tasks'], body, connections, seconds },
    headers: { 'content-type': 'application/json' },
  });
  const [serverAfter, postgresAfter] = await usage();
  const firstStartMs = await untilFirstStart(db);
  await empty(db);
  const requests = requestsPerSecond * seconds;
  const serverUs = ((serverAfter.cpuMs - serverBefore.cpuMs) * 1000) / requests;
  const postgresUs = ((postgresAfter - postgresBefore) * 1000) / requests;
  return {
    ...{ requestsPerSecond, p50Ms, p99Ms, firstStartMs, serverUs, postgresUs },
    processorUs: serverUs + postgresUs,
  };
}

async function untilFirstStart({ pool }: Database): Promise<number> {
  if (!(await isHeadway(pool))) return Number.NaN;
  const { rows } = await pool.query<{ ms: number | null }>(
    `SELECT extract(epoch FROM started_at - created_at)::float8 * 1000 AS ms
     FROM public.task_state ORDER BY created_at, started_at LIMIT 1`,
  );
  return rows[0]?.ms ?? Number.NaN;
}

async function isHeadway(pool: Database['pool']): Promise<boolean> {
  const { rows } = await pool.query<{ isHeadway: boolean }>(
    `SELECT to_regclass('public.task_state') IS NOT NULL AS "isHeadway"`,
  );
  return rows[0]?.isHeadway === true;
}

/** Waits until a runner, where there is one, has done what was submitted, and deletes it all. */
async function empty({ pool }: Database): Promise<void> {
  if (await isHeadway(pool)) {
    for (;;) {
      const { rows: working } = await pool.query(
        `SELECT FROM public.worker CROSS JOIN LATERAL
           (SELECT FROM public.task_state WHERE status IN ('queued', 'running') LIMIT 1) AS task
         WHERE lost_at IS NULL`,
      );
      if (working.length === 0) break;
      await sleep(50);
    }
    await pool.query('TRUNCATE public.task_state, public.task_event');
  }
  await pool.query('DELETE FROM pgboss.job');
  await pool.query('VACUUM pgboss.job');
}

/** What the table of comparisons leaves out. */
function printDetails(peers: readonly Peer[]): void {
  print(
    `submits of a no-op job, ${connections} connections, ${rounds} rounds of ${seconds} s in turn, by ${tool}`,
  );
  const columns = ['', 'requests/s', 'p50 ms', 'p99 ms', 'µs CPU each: server', 'PostgreSQL'];
  print(`| ${columns.join(' | ')} |`);
  print(`|${'---|'.repeat(columns.length)}`);
  const starts: string[] = [];
  for (const peer of peers) {
    const of = (pick: (measured: Measured) => number) => median(peer.measured.map(pick));
    const cells = [
      peer.name,
      of((each) => each.requestsPerSecond).toFixed(0),
      of((each) => each.p50Ms).toFixed(1),
      of((each) => each.p99Ms).toFixed(1),
      of((each) => each.serverUs).toFixed(0),
      of((each) => each.postgresUs).toFixed(0),
    ];
    print(`| ${cells.join(' | ')} |`);
    const firstStartMs = of((each) => each.firstStartMs);
    if (!Number.isNaN(firstStartMs)) starts.push(`${peer.name}: ${firstStartMs.toFixed(0)} ms`);
  }
  print(`from the first submit of such a flood to the start of its task: ${starts.join(', ')}`);
}
