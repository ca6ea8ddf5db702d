/** What clients see of a stop: those that wait get an answer, and new ones are served until the end. */
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { within } from '../support/calibration.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { EventReader } from '../support/event-reader.ts';
import { eventually } from '../support/eventually.ts';
import { pollUntil, postTask, startHeadway } from '../support/process.ts';
import { isFinished, type TaskBody } from '../support/task-states.ts';

const watchers = 2_000;
const accept = { accept: 'application/json' };

describe('a stop', () => {
  let database: TestDatabase;
  const start = (env: Record<string, string>) => startHeadway({ DATABASE_URL: database.url, ...env });

  beforeAll(async () => {
    database = await createTestDatabase();
  });

  afterAll(() => database.drop());

  it('quickly answers 2,000 waiting clients', async () => {
    const headway = await start({ HEADWAY_RUNNERS: '0' });
    const { id } = await postTask(headway.url, 'noop', {});
    const waiting = await openWatchers(Number(new URL(headway.url).port), id);

    const code = await within(5_000, () => {
      headway.signal('SIGTERM');
      return headway.exited;
    });
    await eventually(() => waiting.every(({ isClosed }) => isClosed));

    expect(code).toBe(0);
    const unanswered = waiting.filter(({ isStream, received }) =>
      isStream ? !received.endsWith('\r\n0\r\n\r\n') : !/^HTTP\/1\.1 200 .*"queued"/s.test(received),
    );
    expect(unanswered.map(({ received }) => received)).toEqual([]);
  });

  it('answers waiting clients, serves new ones, and hands back attempts that still run', async () => {
    const headway = await start({ HEADWAY_GRACE_SECONDS: '4' });
    const { id } = await postTask(headway.url, 'counts', { names: 150, stepMs: 50, ignoresSignal: true });
    await pollUntil(headway.url, id, ({ status, done }) => status === 'running' && (done ?? 0) > 2);
    const url = `${headway.url}/tasks/${id}`;
    const held = fetch(url, { headers: { ...accept, prefer: 'wait=60' } });
    await using stream = await EventReader.open(`${url}/events`);
    await stream.until(({ events }) => events.length > 0);

    headway.signal('SIGTERM');
    // The answer comes long before the minute that the poll asked for, and the service still serves.
    const answer = await held;
    await stream.until(({ isClosed }) => isClosed);
    const page = await fetch(url, { headers: { accept: 'text/html' } });
    const ready = await fetch(`${headway.url}/readyz`);
    await using late = await EventReader.open(`${url}/events`);
    await late.until(({ isClosed }) => isClosed);
    const submitted = await postTask(headway.url, 'noop', {});
    const code = await headway.exited;

    expect(answer.headers.get('connection')).toBe('close');
    expect(((await answer.json()) as TaskBody).status).toBe('running');
    expect([page.status, ready.status]).toEqual([200, 503]);
    expect(new Set(late.names)).toEqual(new Set(['task']));
    expect(late.retryMs).toBeGreaterThanOrEqual(2_000);
    expect(code).toBe(0);
    const next = await start({});
    expect(await pollUntil(next.url, submitted.id, ({ status }) => status === 'succeeded')).toMatchObject({
      attempt: 1,
    });
    const task = await pollUntil(next.url, id, isFinished);
    expect(task).toMatchObject({ status: 'succeeded', attempt: 2, failures: 0 });
    expect(task.result?.startedFrom).toBeGreaterThan(2);
    next.signal('SIGINT');
    await next.exited;
  });
});

interface Watcher {
  readonly isStream: boolean;
  received: string;
  isClosed: boolean;
}

/** Opens streams and long polls, half of each. Resolves when all streams are held. */
async function openWatchers(port: number, id: string): Promise<Watcher[]> {
  const all: Watcher[] = [];
  for (let number = 0; number < watchers; number += 1) {
    const isStream = number % 2 === 0;
    const watcher = { isStream, received: '', isClosed: false };
    all.push(watcher);
    const socket = await connected(port);
    socket.on('data', (chunk) => {
      watcher.received += chunk;
    });
    socket.on('close', () => {
      watcher.isClosed = true;
    });
    const path = isStream ? `/tasks/${id}/events` : `/tasks/${id}`;
    const headers = isStream ? '' : 'Accept: application/json\r\nPrefer: wait=60\r\n';
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`);
  }
  await eventually(() =>
    all.every(({ isStream, received }) => !isStream || received.includes('event: task')),
  );
  return all;
}

function connected(port: number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    socket.on('error', () => undefined);
  });
}
