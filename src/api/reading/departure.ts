/** When a client has left: the one sign that reaches every request on its connection. */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** One listener for each connection: many requests may wait on one (pipelining). */
const waiting = new WeakMap<Socket, Set<() => void>>();

/**
 * Calls `left` when the connection is closed, at once where it is already. The response's own `close` does not
 * tell as much: it has passed for a client that left before, and never comes to a request that waits behind another.
 * @returns how to stop listening
 */
export function onDeparture({ req }: ServerResponse, left: () => void): () => void {
  const { socket } = req;
  if (socket.destroyed) {
    left();
    return () => undefined;
  }
  const all = waiting.get(socket) ?? listenTo(socket);
  // A function of its own: the same one may be given twice.
  const entry = () => left();
  all.add(entry);
  return () => void all.delete(entry);
}

function listenTo(socket: Socket): Set<() => void> {
  const all = new Set<() => void>();
  waiting.set(socket, all);
  socket.once('close', () => {
    for (const left of [...all]) left();
  });
  return all;
}
