/** A connection of a pool that knows for how long it has waited for an answer, and can be dropped. */
import type pg from 'pg';
import { SessionClient, type SessionConfig } from './session.ts';

/** A statement that is given up, with its connection, when it has no answer after so long; shorter than its pool's limit. */
export function limited(text: string, limitMs: number): pg.QueryConfig {
  // Not in the published types.
  return Object.assign({ text }, { query_timeout: limitMs });
}

/**
 * node-postgres reports a statement that timed out and goes on using its connection, on which the
 * next statement would wait behind the hung one, or join its transaction. This one closes it.
 */
export class PooledClient extends SessionClient {
  /** Told when a statement got no answer within its limit. */
  onStatementTimeout: () => unknown = () => undefined;
  private unanswered = 0;
  private lastNewsMs = 0;
  private lastBytes = 0;

  constructor(config?: SessionConfig) {
    super(config);
    // While a client is out of its pool, nobody else listens: without this, a connection that breaks in a
    // transaction ends the process. The statement under way, or the next, reports it.
    this.on('error', () => undefined);
    const query = this.query.bind(this) as (...args: unknown[]) => unknown;
    // The overloads of `query` come down to a callback or a promise; both are watched, neither is changed.
    this.query = ((...args: unknown[]) => {
      this.asked();
      const callback = args.at(-1);
      if (typeof callback === 'function') {
        args[args.length - 1] = (error: unknown, result: unknown) => {
          this.answered(error);
          callback(error, result);
        };
        return query(...args);
      }
      const answer = query(...args);
      if (answer instanceof Promise)
        answer.then(
          () => this.answered(undefined),
          (error: unknown) => this.answered(error),
        );
      else this.unanswered -= 1;
      return answer;
    }) as typeof this.query;
  }

  /** The server's process for this connection, as it said itself; undefined until it is connected. */
  get serverPid(): number | undefined {
    // Not in the published types.
    return (this as unknown as { processID: number | null }).processID ?? undefined;
  }

  /** For how long nothing has come in, in milliseconds, while an answer is due; to be asked again and again. */
  silentMs(nowMs: number): number {
    const { bytesRead } = this.stream;
    if (bytesRead !== this.lastBytes) {
      this.lastBytes = bytesRead;
      this.lastNewsMs = nowMs;
    }
    return this.unanswered === 0 ? 0 : nowMs - this.lastNewsMs;
  }

  /** Closes the connection without a word; what waits for an answer on it fails. */
  drop(): void {
    this.stream.destroy();
  }

  private asked(): void {
    if (this.unanswered === 0) this.lastNewsMs = performance.now();
    this.unanswered += 1;
  }

  private answered(error: unknown): void {
    this.unanswered -= 1;
    this.lastNewsMs = performance.now();
    if (!(error instanceof Error && error.message === 'Query read timeout')) return;
    this.drop();
    this.onStatementTimeout();
  }

  private get stream(): { readonly bytesRead: number; destroy(): void } {
    // Not in the published types; it is what the pool itself destroys on a time-out.
    const { connection } = this as unknown as {
      connection: { stream: { readonly bytesRead: number; destroy(): void } };
    };
    return connection.stream;
  }
}
