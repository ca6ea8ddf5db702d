/** What every connection to PostgreSQL is made with; a file of its own because the lease thread loads little else. */
import pg from 'pg';

export const connectTimeoutMs = 5_000;

/** Of a session, by name. */
export type Settings = Readonly<Record<string, string>>;

/** So that a process that was frozen inside a transaction holds nobody up for longer than this. */
const limits: Settings = { lock_timeout: '5s', idle_in_transaction_session_timeout: '5s' };

/**
 * Whatever server, database and role are set to: Prisma takes every time for UTC, the driver reads dates of ISO 8601
 * alone, and our statements look again at a row that they have waited for.
 */
const conventions: Settings = {
  timezone: 'UTC',
  datestyle: 'ISO',
  default_transaction_isolation: 'read committed',
};

export interface SessionConfig extends pg.ClientConfig {
  /** Beside those that every session has, or instead of them. */
  readonly settings?: Settings | undefined;
}

/** The published types have two kinds of it, for what is one. */
type Connected = (error: Error | null, client: pg.Client) => void;

/**
 * A connection whose session has its settings before anybody uses it. A statement makes them: poolers refuse those of
 * a startup packet (`unsupported startup parameter: options`), or are told to drop them without a word.
 */
export class SessionClient extends pg.Client {
  private readonly settingsSql: string;

  constructor(config: SessionConfig = {}) {
    super(config);
    const settings = { ...limits, ...conventions, ...config.settings };
    const calls = Object.entries(settings).map(
      ([name, value]) => `set_config(${pg.escapeLiteral(name)}, ${pg.escapeLiteral(value)}, FALSE)`,
    );
    this.settingsSql = `SELECT ${calls.join(', ')}`;
  }

  override connect(): Promise<pg.Client>;
  override connect(callback: Connected): void;
  override connect(callback?: Connected): Promise<pg.Client> | undefined {
    const ready = this.connectAndSet();
    if (callback === undefined) return ready;
    ready.then(
      () => callback(null, this),
      (error: Error) => callback(error, this),
    );
    return undefined;
  }

  private async connectAndSet(): Promise<pg.Client> {
    await super.connect();
    try {
      await this.query(this.settingsSql);
      return this;
    } catch (error) {
      // Nobody else knows of it yet.
      this.end().catch(() => undefined);
      throw error;
    }
  }
}

/** An idle connection over TCP whose other end is gone breaks within 15 s: probes begin after 5 s, one a second, ten in all. */
export const keepAlive = { keepAlive: true, keepAliveInitialDelayMillis: 5_000 };
