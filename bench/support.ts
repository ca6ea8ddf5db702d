/** Helpers of the benchmarks: a service on its own PostgreSQL with default settings, and statistics. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { loadConfig } from '../src/config.ts';
import { type Database, openDatabase } from '../src/database/database.ts';
import { startEmbeddedPostgres } from '../src/database/embedded/postgres.ts';
import { migrate } from '../src/database/migrations/migrate.ts';
import { startService } from '../src/start.ts';

export interface Bench {
  readonly url: string;
  readonly databaseUrl: string;
  readonly db: Database;
}

/** Runs `work` against a whole service, with one runner of `slots` slots or without runners. */
export function withService(
  runners: 0 | 1,
  work: (bench: Bench) => Promise<void>,
  slots = 10,
): Promise<void> {
  return withPostgres((url) => withServiceOn(url, runners, work, slots));
}

/** Runs `work` on a migrated database without a service, so `url` is empty. */
export function withDatabase<Result>(work: (bench: Bench) => Promise<Result>): Promise<Result> {
  return withPostgres(async (url) => {
    await migrate(url);
    return usingDatabase(url, (db) => work({ url: '', databaseUrl: url, db }));
  });
}

/** Runs `work` on an embedded PostgreSQL with its default settings, which is empty. */
export async function withPostgres<Result>(
  work: (url: string, dataDir: string) => Promise<Result>,
): Promise<Result> {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'headway-bench-'));
  const settings = { shared_preload_libraries: 'pg_stat_statements' };
  const postgres = await startEmbeddedPostgres({ dataDir, log: () => undefined, settings });
  try {
    return await work(postgres.url, dataDir);
  } finally {
    await postgres.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Runs `work` against a whole service on an existing database. */
export async function withServiceOn(
  databaseUrl: string,
  runners: number,
  work: (bench: Bench) => Promise<void>,
  slots = 10,
): Promise<void> {
  const config = loadConfig({
    DATABASE_URL: databaseUrl,
    PORT: '0',
    HEADWAY_RUNNERS: String(runners),
    HEADWAY_SLOTS: String(slots),
    HEADWAY_JOBS_DIR: path.join(import.meta.dirname, 'jobs'),
    HEADWAY_LOG_LEVEL: 'error',
  });
  const service = await startService(config);
  try {
    await usingDatabase(databaseUrl, (db) => work({ url: service.url, databaseUrl, db }));
  } finally {
    await service.stop({ graceSeconds: 1, drainSeconds: 0 });
  }
}

async function usingDatabase<Result>(url: string, work: (db: Database) => Promise<Result>): Promise<Result> {
  const db = openDatabase(url, { name: 'headway bench' });
  try {
    await db.pool.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
    return await work(db);
  } finally {
    await db.close();
  }
}

/** Submits over HTTP and returns the task's URL. */
export async function submit(bench: Bench, type: string, input: unknown): Promise<string> {
  const response = await fetch(`${bench.url}/tasks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ type, input }),
  });
  const { links } = (await response.json()) as { links: { self: string } };
  return bench.url + links.self;
}

export interface FinishedTask {
  readonly status: string;
  readonly result: unknown;
}

/** Polls a task until it is finished. */
export async function finished(taskUrl: string, intervalMs = 200): Promise<FinishedTask> {
  for (;;) {
    const task = (await (await fetch(taskUrl)).json()) as FinishedTask & { finishedAt: string | null };
    if (task.finishedAt !== null) return task;
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
