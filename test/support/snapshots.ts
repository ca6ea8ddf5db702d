/** Snapshots on a database, without HTTP: they return the view of the task itself. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach } from 'vitest';
import { type TaskView, viewTask } from '../../src/tasks/model/view.ts';
import { Snapshots } from '../../src/tasks/snapshots/snapshots.ts';
import type { Store } from '../../src/tasks/store.ts';
import { type StoppedClock, stopClock } from './clock.ts';
import { eventually } from './eventually.ts';
import { GatedPool } from './gated-pool.ts';
import { submit } from './service.ts';
import type { TestStore } from './tasks.ts';

/** The default interval of the refreshes, in milliseconds. */
export const tickMs = 20;

export interface TestSnapshots extends AsyncDisposable {
  readonly snapshots: Snapshots<TaskView>;
  /** The pool through which the snapshots send their statements. */
  readonly gate: GatedPool;
  readonly errors: unknown[];
  /**
   * Resolves after a refresh that began after the call. First reads that were under way have ended by then.
   */
  tick(): Promise<void>;
}

export interface TestSnapshotsOptions {
  readonly tickMs?: number;
  readonly maxBytes?: number;
  readonly bytesOf?: (view: TaskView) => number;
  readonly render?: (view: TaskView) => TaskView;
}

export async function startSnapshots(
  store: TestStore,
  { render = (view) => view, bytesOf = () => 1_000, ...options }: TestSnapshotsOptions = {},
): Promise<TestSnapshots> {
  const gate = new GatedPool(store.url);
  const errors: unknown[] = [];
  const snapshots = new Snapshots<TaskView>({
    pool: gate.pool,
    render: (row) => render(viewTask(row, () => undefined)),
    bytesOf,
    tickMs,
    onError: (error) => errors.push(error),
    ...options,
  });
  snapshots.start();
  await eventually(() => snapshots.isFresh);
  return {
    snapshots,
    gate,
    errors,
    async tick() {
      const reads = gate.count('snapshot-rows');
      await eventually(() => gate.countAnswered('snapshot-rows') >= reads);
      // Let the snapshots take over the answers that have arrived.
      await nextTurn();
      const before = gate.count('snapshot-changes');
      // The refresh under way may have begun before the call, so the next one counts. It has ended when a
      // third begins.
      await eventually(() => gate.count('snapshot-changes') >= before + 3 || snapshots.size === 0);
    },
    async [Symbol.asyncDispose]() {
      await snapshots.stop();
      await gate.close();
    },
  };
}

/** Gives each test new snapshots, which age only when the test moves the clock. */
export function useSnapshots(store: TestStore) {
  let own: TestSnapshots;
  let clock: StoppedClock;
  beforeEach(async () => {
    own = await startSnapshots(store);
    clock = stopClock();
    // On a busy machine, the last refresh may have been long ago.
    await eventually(() => own.snapshots.isFresh);
  });
  afterEach(async () => {
    clock.go();
    await own[Symbol.asyncDispose]();
  });
  return {
    get clock() {
      return clock;
    },
    get snapshots() {
      return own.snapshots;
    },
    get gate() {
      return own.gate;
    },
    get errors() {
      return own.errors;
    },
    tick: () => own.tick(),
    /** Starts the snapshots again with other options. */
    async startAgain(options: TestSnapshotsOptions): Promise<void> {
      await own[Symbol.asyncDispose]();
      own = await startSnapshots(store, options);
    },
    /** Watches a task from now on. */
    async follow(id: string): Promise<Told> {
      const told = new Told();
      const found = await own.snapshots.find(id);
      if (!found) throw new Error('there is no such task');
      own.snapshots.watch(found, told);
      return told;
    },
  };
}

export const newTask = async (store: Store) => (await submit(store, 'noop', null)).id;
export const newTasks = (store: Store, count: number) =>
  Promise.all(Array.from({ length: count }, () => newTask(store)));

/** Changes a task, as another process does; its message names the new version, which is returned. */
export async function bump(store: Store, id: string, by = 1): Promise<number> {
  const { rows } = await store.db.pool.query<{ version: number }>(
    `UPDATE task_state SET version = version + $2, message = 'v' || version + $2 WHERE id = $1 RETURNING version`,
    [id, by],
  );
  return rows[0]?.version ?? 0;
}

/** Records what a watcher is told, in order: versions, or `gone`. */
export class Told {
  readonly news: (number | 'gone')[] = [];

  changed({ version }: { version: number }): void {
    this.news.push(version);
  }

  gone(): void {
    this.news.push('gone');
  }
}
