/** Long polls that the server holds, and raw connections. */
import { connect, type Socket } from 'node:net';
import type { TestApi } from './api.ts';
import { eventually } from './eventually.ts';

export interface Held {
  readonly response: Promise<Response>;
  abort(): void;
  /** How many seconds the poll took. */
  seconds(): Promise<number>;
}

/** Starts a poll of a task, usually with `Prefer: wait=N`, without waiting for the answer. */
export function startPoll(api: TestApi, id: string, headers: Record<string, string>): Held {
  const control = new AbortController();
  const startedMs = performance.now();
  let tookMs = 0;
  const response = fetch(`${api.url}/tasks/${id}`, { headers, signal: control.signal }).finally(() => {
    tookMs = performance.now() - startedMs;
  });
  response.catch(() => undefined);
  return {
    response,
    abort: () => control.abort(),
    seconds: async () => {
      await response;
      return tookMs / 1000;
    },
  };
}

export async function etagOf(api: TestApi, id: string): Promise<string> {
  return (await fetch(`${api.url}/tasks/${id}`)).headers.get('etag') ?? '';
}

/** Resolves when the server holds this many clients. */
export const areHeld = (api: TestApi, count: number) =>
  eventually(() => api.reading.watchers.count === count);

/** Opens a connection on which a test writes raw requests. */
export function openSocket({ port }: TestApi): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    socket.on('error', () => undefined);
  });
}
