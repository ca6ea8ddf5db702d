/**
 * The lease thread: each runner has one, which renews the runner's lease. So a runner keeps its lease while a
 * job computes for a minute, but loses it when its process is frozen or dead. The thread also carries the
 * messages between the runner and its supervisor. It kills the process when the runner has been given up,
 * when the parent is gone, or when the thread itself fails. (`process.exit` in a thread would end only the
 * thread.)
 */
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { keepAlive, PgClient } from '../../database/pg-client.ts';
import { monotonicMs } from '../../scheduling/monotonic.ts';
import { renewalSeconds, renewLeaseSql } from '../../tasks/workers/lease.ts';
import { LatestReader } from './latest.ts';
import {
  encodeMessage,
  type FromLeaseThread,
  type LeaseThreadData,
  noWork,
  type RunnerMessage,
  type RunnerWork,
  readMessages,
  supervisorMessage,
  type ToLeaseThread,
} from './lease-messages.ts';

/** The pipe that the supervisor opened: see `RunnerChild`. */
const pipeFd = 3;
const beatMs = 500;
const longestAnswerMs = 2_000;
const retryMs = 1_000;

const { databaseUrl, workerId, leaseSeconds, lastTurn, work } = workerData as LeaseThreadData;
const turns = new BigInt64Array(lastTurn);
const renewMs = 1000 * renewalSeconds(leaseSeconds);
/**
 * How long to wait for an answer: short enough that there is time for another try after a renewal that hangs.
 */
const answerMs = Math.min(longestAnswerMs, renewMs);
const main = parentPort;
const parent = new Socket({ fd: pipeFd });
const latestWork = new LatestReader<RunnerWork>(work, noWork);

function endProcess(): void {
  process.kill(process.pid, 'SIGKILL');
}

/**
 * Tells the supervisor before it ends the process, so that the supervisor does not blame a kill from outside.
 */
function endGivenUp(): void {
  try {
    // A synchronous write, because what a socket has not yet written is lost when the process ends.
    writeSync(pipeFd, encodeMessage({ kind: 'given_up' }));
  } finally {
    endProcess();
  }
}

function tellMain(message: FromLeaseThread): void {
  main?.postMessage(message);
}

function tellParent(message: RunnerMessage): void {
  parent.write(encodeMessage(message));
}

function loopAgeMs(): number {
  return monotonicMs() - Number(Atomics.load(turns, 0));
}

async function holdLease(): Promise<never> {
  let client: PgClient | undefined;
  for (;;) {
    const startedMs = monotonicMs();
    try {
      client ??= await connect();
      const { rowCount } = await client.query({
        name: 'renew-lease',
        text: renewLeaseSql,
        values: [workerId, leaseSeconds, loopAgeMs()],
      });
      if (rowCount === 0) endGivenUp();
      tellMain({ kind: 'answer' });
      await sleep(Math.max(0, renewMs - (monotonicMs() - startedMs)));
    } catch {
      // Connect again after any error. The next renewal tells whether the runner still has its lease.
      tellMain({ kind: 'trouble' });
      discard(client);
      client = undefined;
      await sleep(Math.max(0, retryMs - (monotonicMs() - startedMs)));
    }
  }
}

async function connect(): Promise<PgClient> {
  const client = new PgClient({
    connectionString: databaseUrl,
    application_name: 'headway lease',
    connectionTimeoutMillis: answerMs,
    query_timeout: answerMs,
    ...keepAlive,
  });
  // The statement that needs the connection reports the error.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    discard(client);
    throw error;
  }
}

function discard(client: PgClient | undefined): void {
  client?.end().catch(() => undefined);
}

parent.on('error', endProcess);
parent.on('close', endProcess);
readMessages(parent, supervisorMessage, tellMain);
// Says that it listens only after it has read the pipe, later in the same turn of the event loop.
setImmediate(() => tellMain({ kind: 'listening' }));
main?.on('message', (message: ToLeaseThread) => {
  tellParent(message);
  holdLease().catch(endProcess);
});
setInterval(() => {
  const { attempts, ...status } = latestWork.read();
  tellParent({ ...status, kind: 'beat', loopAgeMs: loopAgeMs(), attempts: [...attempts] });
}, beatMs);
