/** Headway without HTTP: a store on its own database, and runners that are real processes. */
import path from 'node:path';
import { type Logger, pino } from 'pino';
import { type DatabaseOptions, openDatabase } from '../../src/database/database.ts';
import { type JobRegistry, loadRegistry, ownJobFolders } from '../../src/jobs/registry.ts';
import { Supervisor } from '../../src/jobs/supervisor/supervisor.ts';
import { digestInput } from '../../src/tasks/life/digest.ts';
import { type SubmitRequest, submitTask } from '../../src/tasks/life/submit.ts';
import { type HistoryEntry, readHistory, readTask } from '../../src/tasks/queries/read.ts';
import { TaskQueue } from '../../src/tasks/queue/queue.ts';
import { Reaper } from '../../src/tasks/reaper/reaper.ts';
import type { Store } from '../../src/tasks/store.ts';
import { eventually } from './eventually.ts';

export const testJobsFolder = path.join(import.meta.dirname, 'jobs');
export const jobFolders = [...(await ownJobFolders()), testJobsFolder];

/** A store on a database; `close` it before the database is dropped. */
export async function openStore(
  url: string,
  options: Pick<DatabaseOptions, 'settings'> = {},
): Promise<Store & { close(): Promise<void> }> {
  const registry = await loadRegistry(jobFolders);
  const db = openDatabase(url, { name: 'headway test', ...options });
  const queue = await TaskQueue.openAndMaintain(db, registry.types, () => undefined);
  const close = async () => {
    await queue.close();
    await db.close();
  };
  return { db, queue, retentionDays: 30, close };
}

export interface TestServiceOptions {
  readonly runners?: number;
  readonly slots?: number;
  readonly leaseSeconds?: number;
  readonly folders?: readonly string[];
  readonly log?: Logger;
}

export type Task = NonNullable<Awaited<ReturnType<typeof readTask>>>;

/** Runners and a reaper on a store. */
export class TestService {
  readonly store: Store;
  readonly supervisor: Supervisor;
  private readonly reaper: Reaper;

  private constructor(store: Store, registry: JobRegistry, options: TestServiceOptions) {
    const { runners = 1, slots = 10, leaseSeconds = 15, folders = jobFolders } = options;
    const { log = pino({ level: 'silent' }) } = options;
    this.store = store;
    this.supervisor = new Supervisor({
      store,
      registry,
      runners,
      slots,
      leaseSeconds,
      jobFolders: folders,
      logLevel: 'silent',
      log,
    });
    this.reaper = new Reaper({ store, leaseSeconds, log });
  }

  static async start(store: Store, options: TestServiceOptions = {}): Promise<TestService> {
    const service = new TestService(store, await loadRegistry(options.folders ?? jobFolders), options);
    service.reaper.start();
    await service.supervisor.start();
    return service;
  }

  async stop(graceMs = 0): Promise<void> {
    await Promise.all([this.supervisor.stop(graceMs), this.reaper.stop()]);
  }

  submit(type: string, input: unknown, options: Partial<SubmitRequest> = {}): Promise<Task> {
    return submit(this.store, type, input, options);
  }

  waitFor(id: string, condition: (task: Task) => boolean): Promise<Task> {
    return waitFor(this.store, id, condition);
  }

  history(id: string): Promise<HistoryEntry[]> {
    return readHistory(this.store, id);
  }

  /** The process id of the newest living runner. */
  async runnerPid(): Promise<number> {
    const worker = await this.store.db.prisma.worker.findFirstOrThrow({
      where: { lostAt: null },
      orderBy: { startedAt: 'desc' },
    });
    return worker.pid;
  }
}

/** A submit of a no-op task, as the API would make it, with what the test wants to be different. */
export function submitRequest(options: Partial<SubmitRequest> = {}): SubmitRequest {
  const { input = null } = options;
  return {
    type: 'noop',
    input,
    oldDigest: () => digestInput(input),
    title: 'A task',
    maxAttempts: 3,
    ...options,
  };
}

export async function submit(
  store: Store,
  type: string,
  input: unknown,
  options: Partial<SubmitRequest> = {},
) {
  const { task } = await submitTask(store, submitRequest({ type, input, title: type, ...options }));
  return store.db.prisma.taskState.findUniqueOrThrow({ where: { id: task.id } });
}

export function waitFor(store: Store, id: string, condition: (task: Task) => boolean) {
  return eventually(async () => {
    const task = await readTask(store, id);
    return task && condition(task) ? task : undefined;
  });
}

/** The table that the job `steps` appends to. */
export async function createEffectTable(store: Pick<Store, 'db'>): Promise<void> {
  await store.db.prisma.$executeRaw`CREATE TABLE effect (task_id uuid, step int, attempt int)`;
}

/** The steps that a task has written, in the order of their writing. */
export async function effectsOf(store: Store, taskId: string): Promise<number[]> {
  const rows = await store.db.prisma.$queryRaw<{ step: number }[]>`
    SELECT step FROM effect WHERE task_id = ${taskId}::uuid ORDER BY ctid`;
  return rows.map((row) => row.step);
}

/** The steps of a task that has written all of them up to the last, each once. */
export const stepsUpTo = (last: number) => Array.from({ length: last + 1 }, (_, step) => step);
