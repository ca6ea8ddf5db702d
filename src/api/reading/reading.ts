/** What all routes that read share: the snapshots of tasks and groups, and the clients that wait. */
import type pg from 'pg';
import type { Logger } from 'pino';
import { openPool } from '../../database/database.ts';
import { Listener } from '../../database/listener.ts';
import { channels } from '../../database/names.ts';
import type { ResultLink } from '../../tasks/model/view.ts';
import { Groups } from '../../tasks/snapshots/groups.ts';
import { PageDetails } from '../../tasks/snapshots/page-details.ts';
import { Snapshots } from '../../tasks/snapshots/snapshots.ts';
import type { Store } from '../../tasks/store.ts';
import { clientsBehind } from './clients.ts';
import { answerOf, briefOf, bytesOf, type TaskAnswer, type TaskSnapshots } from './task-answer.ts';
import { Watchers } from './watchers.ts';

export interface ReadingOptions {
  readonly store: Store;
  readonly resultLink: ResultLink;
  readonly maxWatchers: number;
  /** Proxies whose `X-Forwarded-For` tells waiting clients apart; default none. */
  readonly trustedProxies?: readonly string[];
  /** Milliseconds between the comments on a stream without news; default 15,000. */
  readonly beatMs?: number;
  /** Milliseconds between the refreshes of watched tasks; default 200. */
  readonly tickMs?: number;
  /** Milliseconds after which all members of a group are looked up again; default 30,000. */
  readonly lookAgainMs?: number;
  readonly log: Pick<Logger, 'debug'>;
}

/** For the tick, first reads and groups, one each. Submits use another pool, so reads never wait for them. */
const connections = 3;
/** After this time no client waits for the answer any more. */
const statementTimeoutMs = 5_000;
const defaultBeatMs = 15_000;

export class Reading {
  readonly snapshots: TaskSnapshots;
  readonly groups: Groups<TaskAnswer>;
  readonly pageDetails: PageDetails;
  readonly watchers: Watchers;
  private readonly pool: pg.Pool;
  /** Makes a refresh start early. Where LISTEN is impossible, as behind some poolers, ticks suffice. */
  private readonly listener: Listener;

  constructor(options: ReadingOptions) {
    const { store, resultLink, maxWatchers, trustedProxies = [], log } = options;
    const { beatMs = defaultBeatMs, tickMs, lookAgainMs } = options;
    const onError = (error: unknown) =>
      log.debug({ err: error }, 'refresh failed; the next tick tries again');
    this.pool = openPool(store.db.url, { name: 'headway reading', connections, statementTimeoutMs });
    this.snapshots = new Snapshots({
      pool: this.pool,
      render: (row) => answerOf(row, resultLink),
      bytesOf,
      ...(tickMs !== undefined && { tickMs }),
      onError,
    });
    this.listener = new Listener({
      url: store.db.url,
      channel: channels.progress,
      name: 'headway listener',
      onNotification: (id) => this.snapshots.hurry(id),
      onConnect: () => undefined,
    });
    this.groups = new Groups({
      pool: this.pool,
      snapshots: this.snapshots,
      brief: briefOf,
      ...(lookAgainMs !== undefined && { lookAgainMs }),
      onError,
    });
    this.pageDetails = new PageDetails(store);
    this.watchers = new Watchers({ max: maxWatchers, beatMs, clientOf: clientsBehind(trustedProxies) });
  }

  start(): void {
    this.snapshots.start();
    this.listener.start();
    this.groups.start();
  }

  /** Answers all clients that wait. A client that comes from now on waits for a second at most. */
  release(): void {
    this.watchers.releaseAll();
  }

  async stop(): Promise<void> {
    this.release();
    await Promise.all([this.snapshots.stop(), this.groups.stop(), this.listener.stop()]);
    await this.pool.end();
  }
}
