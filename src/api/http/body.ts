/** Reads a request's body by hand, chunk by chunk, or discards it. */
import type { IncomingMessage } from 'node:http';
import { HttpProblem } from './problems.ts';

/** How much, and for how long, a refused client may go on sending: many read the answer only after that. */
const discardLimitBytes = 256 * 1024 * 1024;
const discardLimitMs = 30_000;

/**
 * The body, read no faster than the caller uses it. Ends only when the body is complete (its length is met,
 * or its last chunk has come); throws when the connection ends before. Leaving the loop keeps the connection.
 *
 * Why not iterate over the request itself: Node destroys the request when the client hangs up, even when the
 * whole body has arrived and could still be read from the request's buffer.
 */
export async function* readBody(request: IncomingMessage): AsyncGenerator<Buffer> {
  let wake = () => {};
  const onChange = () => wake();
  request.on('readable', onChange).on('end', onChange).on('close', onChange).on('error', onChange);
  try {
    for (;;) {
      // A buffer, as no encoding is set.
      const bytes = request.read() as Buffer | null;
      if (bytes !== null) yield bytes;
      else if (request.readableEnded || request.destroyed) break;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
    if (!request.complete) {
      throw new HttpProblem('invalid-request', 'The connection ended in the middle of the body.');
    }
  } finally {
    // The listener for errors stays: the client may still hang up, and that error is expected.
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

/** Reads the rest of a body and throws it away, up to a limit; past the limit, cuts the connection. */
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
