/** Reading a request's body by hand: chunk by chunk as it is asked for, or away with it. */
import type { IncomingMessage } from 'node:http';
import { HttpProblem } from './problems.ts';

/** What a refused client may go on sending, so that it finishes and reads the answer. */
const discardLimitBytes = 256 * 1024 * 1024;
const discardLimitMs = 30_000;

/** What is taken from the connection before it is used. */
const aheadBytes = 512 * 1024;

/**
 * The body, read no faster than it is used. Ends only where the body is complete (its length is met, its
 * last chunk has come); throws when the connection ends before. Leaving the loop keeps the connection.
 *
 * Node throws away what lies in the request's own buffer when the client hangs up, also of a body that has
 * come whole. So the request flows at once into a queue of ours, and it is the connection that is paused.
 */
export async function* readBody(request: IncomingMessage): AsyncGenerator<Buffer> {
  const { socket } = request;
  const queue: Buffer[] = [];
  let queuedBytes = 0;
  let wake = () => {};
  const onData = (bytes: Buffer) => {
    queue.push(bytes);
    queuedBytes += bytes.length;
    if (queuedBytes >= aheadBytes) socket.pause();
    wake();
  };
  // Whichever it was, the state of the request tells.
  const onEnd = () => wake();
  request.on('data', onData).on('end', onEnd).on('close', onEnd).on('error', onEnd);
  try {
    for (;;) {
      for (let bytes = queue.shift(); bytes; bytes = queue.shift()) {
        queuedBytes -= bytes.length;
        if (queuedBytes < aheadBytes) socket.resume();
        yield bytes;
      }
      if (request.readableEnded || request.destroyed) break;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    if (!request.complete) {
      throw new HttpProblem('invalid-request', 'The connection ended in the middle of the body.');
    }
  } finally {
    // The listener for errors stays: a client that hangs up later is nobody's surprise.
    request.off('data', onData).off('end', onEnd).off('close', onEnd);
    socket.resume();
  }
}

/** Reads a small body whole. */
export async function readSmallBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of readBody(request)) {
    size += chunk.length;
    if (size > maxBytes) throw new HttpProblem('too-large', `At most ${maxBytes} bytes are taken here.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export function hasBody(request: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  return encoding !== undefined || (length !== undefined && Number(length) > 0);
}

/** Lets the rest of a body run into nothing, up to a limit, after which the connection is cut. */
export function discardBody(request: IncomingMessage): void {
  if (!hasBody(request) || request.complete || request.destroyed) return;
  let size = 0;
  const cut = () => request.socket.destroy();
  const timer = setTimeout(cut, discardLimitMs).unref();
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > discardLimitBytes) cut();
  });
  request.on('error', () => undefined);
  request.once('close', () => clearTimeout(timer));
  request.resume();
}
