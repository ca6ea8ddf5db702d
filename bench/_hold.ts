/** Starts PG, bare, and shipped servers; prints urls; waits until killed. argv: configs as JSON list of settings */
import { writeFileSync } from 'node:fs';
import { Run } from '../test/support/run/run.ts';
import { createRunningTasks, Mover } from './reads/tasks.ts';
import { Server } from './servers.ts';
import { withDatabase } from './support.ts';
const run = new Run();
const configs = JSON.parse(process.argv[2] ?? '[{}]') as Record<string, string>[];
try { await withDatabase(async ({ databaseUrl, db }) => {
  const ids = await createRunningTasks(db.pool, 1001);
  const servers: Server[] = [];
  for (const c of configs) servers.push(await Server.startShipped(databaseUrl, c));
  const one = `/tasks/${ids[0]}`;
  const sample = await fetch(servers[0]!.url + one);
  for (const i of (process.argv[3] ?? "").split(",").filter(Boolean)) await (await fetch(servers[Number(i)]!.url + one)).text();
  const headers = Object.fromEntries(['etag', 'cache-control', 'vary', 'retry-after', 'x-content-type-options'].map((n) => [n, sample.headers.get(n) ?? '']));
  const bare = await Server.startPeer('reads/bare.ts', [await sample.text(), JSON.stringify(headers)]);
  writeFileSync('/tmp/polls-hold.json', JSON.stringify({ me: process.pid, one, etag: headers.etag, bare: { url: bare.url, pid: bare.pid }, servers: servers.map((s) => ({ url: s.url, pid: s.pid })) }));
  void Mover;
  await new Promise((r) => { process.on('SIGUSR2', r); });
  await Promise.all([...servers, bare].map((s) => s.stop()));
}); } finally { console.log(await run.end()); }
