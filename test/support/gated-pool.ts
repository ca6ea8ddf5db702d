/** A pool that counts statements, and that can hold back the answers of PostgreSQL. */
import pg from 'pg';

export class GatedPool {
  /** The pool for the code under test. */
  readonly pool: pg.Pool;
  /** The names of the statements that were sent, in order. */
  sent: string[] = [];
  private answered: string[] = [];
  private readonly real: pg.Pool;
  private readonly gates = new Map<string, Promise<void>>();

  constructor(url: string) {
    this.real = new pg.Pool({ connectionString: url, max: 3 });
    this.real.on('error', () => undefined);
    this.pool = new Proxy(this.real, {
      get: (target, property) =>
        property === 'query'
          ? (config: pg.QueryConfig) => this.query(config)
          : Reflect.get(target, property, target),
    });
  }

  /** How often a statement was sent. */
  count(name: string): number {
    return this.sent.filter((other) => other === name).length;
  }

  /** How many statements with a name PostgreSQL has answered, held back or not. */
  countAnswered(name: string): number {
    return this.answered.filter((other) => other === name).length;
  }

  /**
   * Holds back the answers to statements with this name until the returned function is called. PostgreSQL
   * executes the statements at once.
   */
  hold(name: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.gates.set(name, promise);
    return () => {
      this.gates.delete(name);
      resolve();
    };
  }

  close(): Promise<void> {
    return this.real.end();
  }

  private async query(config: pg.QueryConfig): Promise<pg.QueryResult> {
    const name = config.name ?? '';
    this.sent.push(name);
    const gate = this.gates.get(name);
    const answer = await this.real.query(config).finally(() => this.answered.push(name));
    await gate;
    return answer;
  }
}
