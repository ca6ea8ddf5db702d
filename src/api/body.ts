/** Reading a request's body by hand: chunk by chunk as it is asked for, or away with it. */
import type { IncomingMessage } from 'node:http';
import { HttpProblem } from './problems.ts';

/** What a refused client may go on sending, so that it finishes and reads the answer. */
const discardLimitBytes = 256 * 1024 * 1024;
const discardLimitMs = 30_000;

/**
 * The body, read no faster than it is used. Ends only where the body is complete (its length is met, its
 * last chunk has come); throws when the connection ends before. Leaving the loop keeps the connection.
 */
export async function* readBody(request: IncomingMessage): AsyncGenerator<Buffer> {
  // The stream is in no object mode and has no encoding: its chunks are buffers.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) yield chunk as Buffer;
  if (!request.complete) throw new HttpProblem('invalid-request', 'The body ended before its end.');
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
