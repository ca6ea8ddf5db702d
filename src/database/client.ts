/** A connection of a pool that knows for how long it has waited for an answer, and can be dropped. */
import type pg from 'pg';
import { PgClient, type PgClientConfig } from './pg-client.ts';

/**
 * A statement with a time limit of its own, shorter than its pool's. When it gets no answer within the limit,
 * it fails and its connection is dropped.
 */
export function limited(text: string, limitMs: number): pg.QueryConfig {
  // The published types lack `query_timeout`.
  return Object.assign({ text }, { query_timeout: limitMs });
}

/**
 * A client that closes its connection when a statement times out. node-postgres itself only reports the
 * time-out and goes on using the connection: the next statement would wait behind the hung one, or join its
 * transaction.
 */
export class PooledClient extends PgClient {
  /** Called when a statement got no answer within its limit. */
  onStatementTimeout: () => unknown = () => undefined;
  private unanswered = 0;
  private lastNewsMs = 0;
  private lastBytes = 0;

  constructor(config?: PgClientConfig) {
    super(config);
    // The pool does not listen while the client is lent out. Without this listener, a connection that breaks
    // during a transaction would end the process. The current or the next statement reports the error.
    this.on('error', () => undefined);
    const query = this.query.bind(this) as (...args: unknown[]) => unknown;
    // Every overload of `query` answers by a callback or a promise. Both are watched, and neither is changed.
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

  /** The pid that the server gave for this connection; undefined until it is connected. */
  get serverPid(): number | undefined {
    // The published types lack `processID`.
    return (this as unknown as { processID: number | null }).processID ?? undefined;
  }

  /**
   * For how many milliseconds nothing has come in while an answer is due. It notices new bytes only when it
   * is called, so it must be called regularly.
   */
  silentMs(nowMs: number): number {
    const { bytesRead } = this.stream;
    if (bytesRead !== this.lastBytes) {
      this.lastBytes = bytesRead;
      this.lastNewsMs = nowMs;
    }
    return this.unanswered === 0 ? 0 : nowMs - this.lastNewsMs;
  }

  /** Closes the connection without telling the server. Statements that wait for an answer on it fail. */
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
    // The published types lack `connection.stream`. The pool itself destroys this stream on a time-out.
    const { connection } = this as unknown as {
      connection: { stream: { readonly bytesRead: number; destroy(): void } };
    };
    return connection.stream;
  }
}
