/** Reading a request's body by hand: chunk by chunk as it is asked for, or away with it. */
import type { IncomingMessage } from 'node:http';
import { HttpProblem } from './problems.ts';

/** What a refused client may go on sending, so that it finishes and reads the answer. */
const discardLimitBytes = 256 * 1024 * 1024;
const discardLimitMs = 30_000;

/**
 * The body, read no faster than it is used. Ends only where the body is complete (its length is met, its
 * last chunk has come); throws when the connection ends before. Leaving the loop keeps the connection.
 *
 * Iterating over the request itself would not do: Node destroys it when the client hangs up, also where
 * the body has come whole and lies in the request's buffer, from which it can still be read.
 */
export async function* readBody(request: IncomingMessage): AsyncGenerator<Buffer> {
  let wake = () => {};
  const onChange = () => wake();
  request.on('readable', onChange).on('end', onChange).on('close', onChange).on('error', onChange);
  try {
    for (;;) {
      // No encoding is set: it is a buffer.
      const bytes = request.read() as Buffer | null;
      if (bytes !== null) yield bytes;
      else if (request.readableEnded || request.destroyed) break;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
    if (!request.complete) {
      throw new HttpProblem('invalid-request', 'The connection ended in the middle of the body.');
    }
  } finally {
    // The listener for errors stays: a client that hangs up later is nobody's surprise.
    request.off('readable', onChange).off('end', onChange).off('close', onChange);
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
