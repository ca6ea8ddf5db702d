/**
 * How every connection to PostgreSQL is made: its settings and keep-alive. It is a separate file, because the
 * lease thread loads little else.
 */
import pg from 'pg';

export const connectTimeoutMs = 5_000;

/** The settings of a session, by name. */
export type Settings = Readonly<Record<string, string>>;

/**
 * A process that is frozen inside a transaction, or waits for a lock, blocks others for at most this long.
 */
const limits: Settings = { lock_timeout: '5s', idle_in_transaction_session_timeout: '5s' };

/**
 * Settings that Headway relies on, whatever the server, the database or the role has set. Prisma takes every
 * time for UTC, the driver reads only ISO 8601 dates, and our statements must see the new version of a row
 * after they have waited for its lock.
 */
const conventions: Settings = {
  timezone: 'UTC',
  datestyle: 'ISO',
  default_transaction_isolation: 'read committed',
};

export interface PgClientConfig extends pg.ClientConfig {
  /**
   * Settings in addition to those that every session has; a setting of the same name replaces the default.
   */
  readonly settings?: Settings | undefined;
}

/** The published types declare two variants of this callback, which are one at run time. */
type Connected = (error: Error | null, client: pg.Client) => void;

/**
 * A connection that has its settings before anybody uses it. A statement sets them, because poolers refuse
 * settings in the startup packet (`unsupported startup parameter: options`), or are configured to ignore them
 * silently.
 */
export class PgClient extends pg.Client {
  private readonly settingsSql: string;

  constructor(config: PgClientConfig = {}) {
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
      // Nobody else has this connection yet, so it is closed here.
      this.end().catch(() => undefined);
      throw error;
    }
  }
}

/**
 * Breaks an idle TCP connection within 15 s after its other end is gone: probes begin after 5 s, one each
 * second, ten in all.
 */
export const keepAlive = { keepAlive: true, keepAliveInitialDelayMillis: 5_000 };
