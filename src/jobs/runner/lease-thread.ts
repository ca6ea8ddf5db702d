/**
 * A thread of its own in each runner, which holds the runner's lease: a job that computes for a
 * minute keeps it, a frozen or dead process does not. It also carries the messages between the
 * runner and its supervisor, and ends the process when the runner has been given up, when its
 * parent is gone, or when it fails itself. (`process.exit` in a thread would end only the thread.)
 */
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { keepAlive, SessionClient } from '../../database/session.ts';
import { monotonicMs } from '../../scheduling/monotonic.ts';
import { renewalSeconds, renewLeaseSql } from '../../tasks/workers/lease.ts';
import {
  encodeMessage,
  type FromLeaseThread,
  type LeaseThreadData,
  type RunnerMessage,
  readMessages,
  supervisorMessage,
  type ToLeaseThread,
} from './lease-messages.ts';

/** The pipe that the supervisor opened: see `RunnerChild`. */
const pipeFd = 3;
const beatMs = 500;
const longestAnswerMs = 2_000;
const retryMs = 1_000;

const { databaseUrl, workerId, leaseSeconds, lastTurn } = workerData as LeaseThreadData;
const turns = new BigInt64Array(lastTurn);
const renewMs = 1000 * renewalSeconds(leaseSeconds);
/** So that a renewal that hangs leaves time for another. */
const answerMs = Math.min(longestAnswerMs, renewMs);
const main = parentPort;
const parent = new Socket({ fd: pipeFd });
let running: Extract<ToLeaseThread, { kind: 'attempts' }> = {
  kind: 'attempts',
  attempts: [],
  state: 'running',
  handedBackClaims: 0,
};

function endProcess(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** Its supervisor is told first, so that the kill is not taken for one from outside. */
function endGivenUp(): void {
  try {
    // What a socket has yet to write would end with the process.
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
  let client: SessionClient | undefined;
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
      tellMain({ kind: 'contact' });
      await sleep(Math.max(0, renewMs - (monotonicMs() - startedMs)));
    } catch {
      // Whatever it was, a new connection is the answer; whether the lease holds is for others to say.
      tellMain({ kind: 'trouble' });
      discard(client);
      client = undefined;
      await sleep(Math.max(0, retryMs - (monotonicMs() - startedMs)));
    }
  }
}

async function connect(): Promise<SessionClient> {
  const client = new SessionClient({
    connectionString: databaseUrl,
    application_name: 'headway lease',
    connectionTimeoutMillis: answerMs,
    query_timeout: answerMs,
    ...keepAlive,
  });
  // Reported by the statement that needs the connection.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    discard(client);
    throw error;
  }
}

function discard(client: SessionClient | undefined): void {
  client?.end().catch(() => undefined);
}

parent.on('error', endProcess);
parent.on('close', endProcess);
readMessages(parent, supervisorMessage, tellMain);
// In the same turn of the loop, after the pipe has been read.
setImmediate(() => tellMain({ kind: 'listening' }));
main?.on('message', (message: ToLeaseThread) => {
  if (message.kind === 'attempts') {
    running = message;
    return;
  }
  tellParent(message);
  holdLease().catch(endProcess);
});
setInterval(() => {
  tellParent({
    ...running,
    kind: 'beat',
    loopAgeMs: loopAgeMs(),
    attempts: [...running.attempts],
  });
}, beatMs);
