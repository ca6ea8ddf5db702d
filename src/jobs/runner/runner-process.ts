/** The entry point of a runner, a child process that the supervisor starts: see `RunnerChild`. */
import os from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import { z } from 'zod';
import { openDatabase } from '../../database/database.ts';
import { createLog } from '../../logging/log.ts';
import { monotonicMs } from '../../scheduling/monotonic.ts';
import { TaskQueue } from '../../tasks/queue/queue.ts';
import { registerWorker } from '../../tasks/workers/workers.ts';
import { DatabaseTrouble } from '../attempt/database-trouble.ts';
import { persist } from '../attempt/persist.ts';
import { loadRegistry, retentionDaysByType } from '../registry.ts';
import { LatestWriter, sharedLatest } from './latest.ts';
import {
  type FromLeaseThread,
  type LeaseThreadData,
  maxWorkBytes,
  type RunnerWork,
  type SupervisorMessage,
  type ToLeaseThread,
} from './lease-messages.ts';
import { Runner } from './runner.ts';

/** Passed in the environment variable `HEADWAY_RUNNER`, as JSON. */
const runnerSettings = z.object({
  workerId: z.uuid(),
  databaseUrl: z.string(),
  kind: z.enum(['shared', 'solo']),
  slots: z.int(),
  leaseSeconds: z.number(),
  retentionDays: z.int(),
  jobFolders: z.array(z.string()),
  logLevel: z.string(),
});

export type RunnerSettings = z.infer<typeof runnerSettings>;

const turnMs = 100;

if (import.meta.main) {
  const settings = runnerSettings.parse(JSON.parse(process.env.HEADWAY_RUNNER ?? '{}'));
  // Processes that jobs start inherit the environment, and must not see the URL of the database.
  delete process.env.HEADWAY_RUNNER;
  await main(settings);
}

async function main(settings: RunnerSettings): Promise<void> {
  // A terminal and systemd send these to the whole group; the parent says when to stop.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
  const { workerId, kind, slots, leaseSeconds, retentionDays } = settings;
  const log = createLog(settings.logLevel, 'runner').child({ worker: workerId });
  // A rejected promise that a job does not handle must not end the process, and with it the other attempts.
  process.on('unhandledRejection', (error) =>
    log.error({ err: error }, 'a job left a rejected promise behind'),
  );
  const databaseTrouble = new DatabaseTrouble(log);
  // Start the lease thread first: it ends this process when the parent is gone, even while the database is
  // away.
  const work = sharedLatest(maxWorkBytes(slots));
  const latestWork = new LatestWriter<RunnerWork>(work);
  const thread = startLeaseThread({
    databaseUrl: settings.databaseUrl,
    workerId,
    leaseSeconds,
    lastTurn: publishTurns(),
    work,
  });
  const listening = Promise.withResolvers<void>();
  let obey: (order: SupervisorMessage) => void = leave;
  // Listen before anything that takes time: an order without a listener is lost, and a runner that was told
  // to stop would begin to work.
  thread.on('message', (message: FromLeaseThread) => {
    if (message.kind === 'trouble') databaseTrouble.noteNow();
    else if (message.kind === 'answer') databaseTrouble.noteAnswer();
    else if (message.kind === 'listening') listening.resolve();
    else obey(message);
  });

  const db = openDatabase(settings.databaseUrl, { name: 'headway runner' });
  const waitingOut = retryingThroughOutages(log);
  const [registry, queue] = await Promise.all([
    loadRegistry(settings.jobFolders),
    waitingOut(() => TaskQueue.open(db, (error) => databaseTrouble.note(error))),
    listening.promise,
  ]);
  const store = { db, queue, retentionDays, retentionDaysByType: retentionDaysByType(registry) };
  const { types } = registry;
  const worker = { id: workerId, host: os.hostname(), pid: process.pid, slots, types, leaseSeconds };
  await waitingOut(() => registerWorker(store, worker));

  const tellThread = (message: ToLeaseThread) => thread.postMessage(message);
  const runner = new Runner({
    store,
    registry,
    workerId,
    kind,
    slots,
    leaseSeconds,
    databaseTrouble,
    log,
    onChange: ({ attempts, ...status }) =>
      latestWork.write({
        attempts: attempts.map(({ taskId, deadlineMs }) => ({ taskId, deadlineMs })),
        ...status,
      }),
  });
  obey = (order) => {
    if (order.kind === 'retire') runner.drain();
    else void runner.stop(order.graceMs).then(leave);
  };
  runner.start();
  tellThread({ kind: 'ready' });
}

/** Obeys any order of the supervisor at once: no attempt runs here yet, or none runs any more. */
function leave(): void {
  process.exit(0);
}

/**
 * Repeats a call until the database answers, so that a runner that starts in an outage begins right after it.
 */
function retryingThroughOutages(log: Logger) {
  let isTold = false;
  const onTrouble = (error: unknown) => {
    if (!isTold) log.warn({ err: error }, 'cannot reach PostgreSQL; starting when it answers');
    isTold = true;
  };
  return <T>(call: () => Promise<T>) => persist(call, async () => undefined, { onTrouble });
}

/** Shared memory that says when the main loop last turned. */
function publishTurns(): SharedArrayBuffer {
  const lastTurn = new SharedArrayBuffer(8);
  const turns = new BigInt64Array(lastTurn);
  const turn = () => Atomics.store(turns, 0, BigInt(monotonicMs()));
  turn();
  setInterval(turn, turnMs);
  return lastTurn;
}

function startLeaseThread(workerData: LeaseThreadData): Worker {
  const thread = new Worker(new URL('./lease-thread.ts', import.meta.url), { workerData });
  // A runner whose lease thread has ended must not go on: nobody renews its lease.
  const endProcess = () => process.kill(process.pid, 'SIGKILL');
  thread.on('error', endProcess);
  thread.on('exit', endProcess);
  return thread;
}
