/** A connection that listens for PostgreSQL notifications, and connects again when it breaks. */
import pg from 'pg';
import { connectTimeoutMs, keepAlive } from './pg-client.ts';

export interface ListenerOptions {
  readonly url: string;
  readonly channel: string;
  readonly name: string;
  onNotification(payload: string): void;
  /** Called after each connect: notifications sent before it may have been missed. */
  onConnect(): void;
}

const heartbeatMs = 5_000;
const reconnectMs = 500;

export class Listener {
  private readonly options: ListenerOptions;
  private client: pg.Client | undefined;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(options: ListenerOptions) {
    this.options = options;
  }

  /** Connects in the background, and tries again until it succeeds. */
  start(): void {
    this.stopped = false;
    void this.connect();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    const { client } = this;
    this.client = undefined;
    await client?.end().catch(() => undefined);
  }

  private async connect(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.options.url,
      application_name: this.options.name,
      connectionTimeoutMillis: connectTimeoutMs,
      ...keepAlive,
      query_timeout: heartbeatMs,
    });
    this.client = client;
    const again = () => {
      if (this.client !== client) return;
      this.client = undefined;
      client.end().catch(() => undefined);
      if (!this.stopped) this.timer = setTimeout(() => void this.connect(), reconnectMs);
    };
    client.on('error', again);
    client.on('end', again);
    client.on('notification', ({ payload }) => this.options.onNotification(payload ?? ''));
    try {
      await client.connect();
      await client.query(`LISTEN ${pg.escapeIdentifier(this.options.channel)}`);
      if (this.stopped) return void client.end().catch(() => undefined);
      this.options.onConnect();
      this.heartbeat(client, again);
    } catch {
      // Connect again after any error. Meanwhile, callers still poll at a slow rate.
      again();
    }
  }

  /** Sends a statement every 5 s, because a connection over a dead network reports no error by itself. */
  private heartbeat(client: pg.Client, again: () => void): void {
    this.timer = setTimeout(() => {
      client.query('SELECT 1').then(() => this.client === client && this.heartbeat(client, again), again);
    }, heartbeatMs);
  }
}
