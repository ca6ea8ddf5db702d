/**
 * The API on its own database, listening. It has no runners, so that tasks stay in the state that a test
 * gives them.
 */
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { pino } from 'pino';
import { buildApp } from '../../src/api/app.ts';
import { Drain } from '../../src/api/http/drain.ts';
import { Reading } from '../../src/api/reading/reading.ts';
import { type Config, loadConfig } from '../../src/config.ts';
import { loadExtensions } from '../../src/extensions.ts';
import { loadRegistry, resultLinkOf } from '../../src/jobs/registry.ts';
import { Supervisor } from '../../src/jobs/supervisor/supervisor.ts';
import { createMetrics } from '../../src/metrics.ts';
import { Reaper } from '../../src/tasks/reaper/reaper.ts';
import type { Store } from '../../src/tasks/store.ts';
import { Sweeper } from '../../src/tasks/upkeep/sweeper.ts';
import { createTestDatabase } from './database.ts';
import { jobFolders, openStore } from './service.ts';
import type { TaskBody } from './task-states.ts';

export interface TestApi extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
  readonly store: Store;
  readonly reading: Reading;
  /** A reaper that is not started. */
  readonly reaper: Reaper;
  readonly drain: Drain;
  /** For tests that count the requests of the server. */
  readonly server: Server;
  /** Closes the server, but not the store. */
  stopServing(): Promise<void>;
  close(): Promise<void>;
}

export interface TestApiOptions {
  readonly config?: Partial<Config>;
  /** Replaces parts of the store, such as to make them fail. */
  readonly changeStore?: (store: Store) => Store | Promise<Store>;
  /** Milliseconds between the comments on silent streams; default 15,000. */
  readonly beatMs?: number;
  /** Milliseconds between the refreshes of watched tasks; default 200. */
  readonly tickMs?: number;
  /** Milliseconds after which all members of a group are looked up again; default 30,000. */
  readonly lookAgainMs?: number;
}

export async function startApi(options: TestApiOptions = {}): Promise<TestApi> {
  const database = await createTestDatabase();
  const { close: closeStore, ...own } = await openStore(database.url);
  const store = (await options.changeStore?.(own)) ?? own;
  const config = { ...loadConfig({}), ...options.config };
  const registry = await loadRegistry(jobFolders);
  const log = pino({ level: 'silent' });
  const reading = new Reading({
    store,
    resultLink: resultLinkOf(registry, log),
    maxWatchers: config.maxWatchers,
    trustedProxies: config.trustedProxies,
    ...(options.beatMs !== undefined && { beatMs: options.beatMs }),
    ...(options.tickMs !== undefined && { tickMs: options.tickMs }),
    ...(options.lookAgainMs !== undefined && { lookAgainMs: options.lookAgainMs }),
    log,
  });
  reading.start();
  const drain = new Drain();
  const reaper = new Reaper({ store, leaseSeconds: config.leaseSeconds, log });
  const supervisor = new Supervisor({ ...config, store, registry, jobFolders, log });
  const extensions = await loadExtensions();
  const sweeper = new Sweeper({ db: store.db, log, sweeps: extensions.flatMap(({ sweep }) => sweep ?? []) });
  const metrics = createMetrics({ store, reading, supervisor, reaper, sweeper });
  const app = await buildApp({
    config,
    store,
    reading,
    registry,
    extensions,
    metrics: async () => metrics,
    log,
    drain,
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const close = async () => {
    reading.release();
    await app.close();
    await reading.stop();
    await closeStore();
    await database.drop();
  };
  const stopServing = () => app.close();
  return {
    url,
    port: Number(new URL(url).port),
    store,
    reading,
    reaper,
    drain,
    server: app.server,
    stopServing,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** POST with a JSON body. */
export function postJson(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    redirect: 'manual',
  });
}

/** POST with a CSV file as the body. */
export function postCsv(
  url: string,
  body: string | Buffer | ReadableStream | AsyncIterable<Buffer>,
  headers: Record<string, string> = {},
): Promise<Response> {
  // Node's fetch accepts a stream only with `duplex`. Its types know neither this option nor buffers.
  const init = { method: 'POST', headers: { 'content-type': 'text/csv', ...headers }, body, duplex: 'half' };
  return fetch(url, { ...(init as unknown as RequestInit), redirect: 'manual' });
}

/** POST with a multipart form; a field that is a pair is a file's name and content. */
export function postForm(
  url: string,
  fields: readonly (readonly [name: string, value: string | readonly [filename: string, content: string]])[],
  headers: Record<string, string> = {},
): Promise<Response> {
  const form = new FormData();
  for (const [name, value] of fields) {
    if (typeof value === 'string') form.append(name, value);
    else form.append(name, new File([value[1]], value[0], { type: 'text/csv' }));
  }
  return fetch(url, { method: 'POST', headers, body: form, redirect: 'manual' });
}

/** Sends raw bytes, and resolves with all bytes that the server sends until it ends the connection. */
export function exchange(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (chunk) => chunks.push(chunk));
    // `close` also follows an error.
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('utf8')));
    socket.on('error', () => undefined);
  });
}

export interface ProblemBody {
  readonly type: string;
  readonly status: number;
  readonly detail: string;
  readonly errors?: { path: string; message: string }[];
  readonly existingTask?: string;
}

/** Reads the body of an answer, and throws if it is no problem. */
export async function problemOf(response: Response): Promise<ProblemBody> {
  const text = await response.text();
  const type = response.headers.get('content-type') ?? 'no content type';
  if (!type.startsWith('application/problem+json')) throw new Error(`${response.status} ${type}: ${text}`);
  return JSON.parse(text) as ProblemBody;
}

/** Reads the body of an answer, and throws if it is no task. */
export async function taskOf(response: Response): Promise<TaskBody> {
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status}: ${text}`);
  return JSON.parse(text) as TaskBody;
}

/** Counts the stored files, complete and incomplete, and their chunks. */
export async function storedFiles(store: Store): Promise<{ files: number; chunks: number }> {
  const [files, chunks] = await Promise.all([
    store.db.prisma.file.count(),
    store.db.prisma.fileChunk.count(),
  ]);
  return { files, chunks };
}
