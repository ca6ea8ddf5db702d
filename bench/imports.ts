/**
 * Imports a CSV file of 500,000 rows as a user does, with the command of `npm start`, beside csv-parse and
 * one COPY of the same JSON; and uploads it beside a bare stream and a large object. Rounds are interleaved.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectDir } from '../src/config.ts';
import { HeadwayProcess, pollUntil } from '../test/support/process.ts';
import { isFinished } from '../test/support/task-states.ts';
import { type Comparison, rounds } from './comparison.ts';
import { makeFile } from './imports/file.ts';
import { dropCopied, largeObject, parseAndCopy, parseOnly, streamOnly } from './imports/peers.ts';
import { median } from './quantile.ts';
import { type Bench, print, withDatabase } from './support.ts';

const rows = 500_000;

export async function run(): Promise<Comparison[]> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'import-'));
  try {
    const file = path.join(folder, 'orders.csv');
    await writeFile(file, makeFile(rows));
    return await withDatabase((bench) => compare(bench, file));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Round = Record<'imported' | 'uploaded' | 'parsed' | 'copied' | 'streamed' | 'largeObject', number>;

async function compare({ databaseUrl, db }: Bench, file: string): Promise<Comparison[]> {
  const bytes = await readFile(file);
  const headway = startShipped(databaseUrl);
  try {
    const url = await headway.ready();
    const measured: Round[] = [];
    const peaks = { runner: 0, service: 0 };
    // The first round warms everything up and is not counted.
    for (let round = 0; round <= rounds; round += 1) {
      await db.pool.query('TRUNCATE dataset_row, file_chunk');
      await dropCopied(databaseUrl);
      await db.pool.query('CHECKPOINT');
      const parsed = await timed(() => parseOnly(file));
      const copied = await timed(() => parseAndCopy(file, databaseUrl));
      const streamed = await timed(() => streamOnly(file, databaseUrl));
      const inLargeObject = await timed(() => largeObject(file, databaseUrl));
      await db.pool.query('CHECKPOINT');
      const own = await importOnce(url, bytes);
      peaks.runner = Math.max(peaks.runner, peakMb(headway.runnerPid));
      peaks.service = Math.max(peaks.service, peakMb(headway.pid));
      if (round > 0) measured.push({ ...own, parsed, copied, streamed, largeObject: inLargeObject });
    }
    print(`imports of ${rows.toLocaleString('en')} rows, ${(bytes.length / 1e6).toFixed(0)} MB`);
    print(`  peak RSS: runner ${peaks.runner.toFixed(0)} MB, service ${peaks.service.toFixed(0)} MB`);
    return comparisonsOf(measured);
  } finally {
    headway.signal('SIGTERM');
    await headway.exited;
  }
}

/** The service as `npm start` starts it. */
function startShipped(databaseUrl: string): HeadwayProcess {
  const { scripts } = JSON.parse(readFileSync(path.join(projectDir, 'package.json'), 'utf8'));
  const env = { DATABASE_URL: databaseUrl, PORT: '0', HEADWAY_RUNNERS: '1' };
  return new HeadwayProcess([], env, { line: scripts.start, cwd: projectDir });
}

async function importOnce(url: string, bytes: Buffer): Promise<{ imported: number; uploaded: number }> {
  let id = '';
  const uploaded = await timed(async () => {
    const response = await fetch(`${url}/tasks/csv-import?dataset=bench`, {
      method: 'POST',
      headers: { 'content-type': 'text/csv' },
      body: new Uint8Array(bytes),
    });
    ({ id } = (await response.json()) as { id: string });
  });
  let imported = 0;
  const waited = await timed(async () => {
    const task = await pollUntil(url, id, isFinished);
    if (task.result?.imported !== rows) throw new Error(`not imported: ${JSON.stringify(task)}`);
    const { startedAt, finishedAt } = task as unknown as { startedAt: string; finishedAt: string };
    imported = (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000;
  });
  if (imported > waited + 1) throw new Error('the times of the task are not those of the wait');
  // The sweep of the rows that this import has replaced must not run beside the next measurement.
  await sleep(500);
  return { imported, uploaded };
}

function comparisonsOf(measured: readonly Round[]): Comparison[] {
  const time = (name: keyof Round) => `${median(measured.map((round) => round[name])).toFixed(2)} s`;
  const comparison = (what: string, own: keyof Round, peer: keyof Round, peerName: string): Comparison => ({
    what,
    headway: time(own),
    peer: `${peerName}: ${time(peer)}`,
    ratios: measured.map((round) => round[own] / round[peer]),
  });
  const imports = `import of ${rows.toLocaleString('en')} rows`;
  return [
    comparison(imports, 'imported', 'copied', 'csv-parse and one COPY'),
    comparison(imports, 'imported', 'parsed', 'csv-parse alone'),
    comparison('upload of its file', 'uploaded', 'streamed', 'a bare stream into the same table'),
    comparison('upload of its file', 'uploaded', 'largeObject', 'a large object'),
  ];
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return (performance.now() - startedMs) / 1000;
}

/** The most memory that a process has had resident so far; NaN where the system does not tell. */
function peakMb(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
  } catch {
    return Number.NaN;
  }
}
