/** How a server stops: no client gets an error; at most, its connection ends. */
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { monotonicMs } from '../../scheduling/monotonic.ts';
import { hasBody } from './body.ts';

/** `_httpMessage` is the answer in flight on the connection, where Node's own handlers look for it. */
type Connection = Socket & { _httpMessage?: ServerResponse | null };

/** How long answers that are being sent when the server closes may still take. */
const sendingMs = 2_500;

export class Drain {
  private readonly connections = new Set<Connection>();
  private server: Server | undefined;
  private hasBegun = false;

  get isUnderWay(): boolean {
    return this.hasBegun;
  }

  /** Follows the connections of a server; call before it listens. */
  follow(server: Server): void {
    this.server = server;
    server.on('connection', (connection: Connection) => {
      this.connections.add(connection);
      connection.once('close', () => this.connections.delete(connection));
    });
  }

  /**
   * From now on every answer is the last on its connection (`Connection: close`), so that clients and load
   * balancers go elsewhere in their own time. New connections are still served.
   */
  begin(): void {
    if (this.hasBegun) return;
    this.hasBegun = true;
    // This listener is added only now, so that polls before the stop do not pay for it.
    this.server?.prependListener('request', (_request, response) => makeLast(response));
    for (const connection of this.connections) closeAfterAnswer(connection);
  }

  /**
   * Takes no new connections, closes those without a request, and resolves when the requests on the others
   * have been answered. Requests that are being received or worked on have until `untilMs` (monotonic),
   * answers that are being sent have 2.5 s. Then the connections that are left are cut; they are cut at once
   * when `signal` aborts.
   */
  async finish({ untilMs, signal }: { untilMs: number; signal: AbortSignal }): Promise<void> {
    const { server } = this;
    if (!server) return;
    const isClosed = new Promise<void>((resolve) => server.close(() => resolve()));
    // Browsers open connections in advance. Node counts a connection without a request as busy, and keeps it.
    this.cut((connection) => connection.bytesRead === 0);
    const cutAll = () => this.cut(() => true);
    const timers = [
      setTimeout(() => this.cut((connection) => !isWorkedOn(connection)), sendingMs),
      setTimeout(cutAll, Math.max(sendingMs, untilMs - monotonicMs())),
    ];
    signal.addEventListener('abort', cutAll);
    if (signal.aborted) cutAll();
    await isClosed;
    for (const timer of timers) clearTimeout(timer);
    signal.removeEventListener('abort', cutAll);
  }

  private cut(which: (connection: Connection) => boolean): void {
    for (const connection of this.connections) if (which(connection)) connection.destroy();
  }
}

function closeAfterAnswer(connection: Connection): void {
  const answer = connection._httpMessage;
  if (!answer) return;
  // The headers of a stream or a download have already told the client that the connection stays open.
  if (answer.headersSent) answer.once('finish', () => connection.destroySoon());
  else makeLast(answer);
}

function makeLast(answer: ServerResponse): void {
  const { req } = answer;
  const close = () => {
    answer.shouldKeepAlive = false;
  };
  // A client that is refused while it sends its body would miss the answer on a closed connection.
  if (req.complete || !hasBody(req)) close();
  else req.once('end', close);
}

/** Whether the connection's request is being received, or its answer is being made. */
function isWorkedOn({ _httpMessage: answer }: Connection): boolean {
  return answer !== undefined && answer !== null && !answer.headersSent;
}
