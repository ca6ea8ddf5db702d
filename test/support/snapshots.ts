/** Snapshots on a database without HTTP: what they answer is the task's view itself. */
import { Snapshots } from '../../src/tasks/snapshots/snapshots.ts';
import { type TaskView, viewTask } from '../../src/tasks/view.ts';
import { eventually } from './eventually.ts';
import { GatedPool } from './gated-pool.ts';
import type { TestStore } from './tasks.ts';

export interface TestSnapshots extends AsyncDisposable {
  readonly snapshots: Snapshots<TaskView>;
  /** Which its statements pass. */
  readonly gate: GatedPool;
  readonly errors: unknown[];
  /** Resolves when a refresh that began after the call has ended. */
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
    tickMs: 20,
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
      const before = gate.count('snapshot-changes');
      // The one under way may have begun before, so the second counts.
      await eventually(() => gate.count('snapshot-changes') >= before + 3 || snapshots.size === 0);
    },
    async [Symbol.asyncDispose]() {
      await snapshots.stop();
      await gate.close();
    },
  };
}

/** What a watcher was told, in order: versions, or `gone`. */
export class Told {
  readonly news: (number | 'gone')[] = [];

  changed({ version }: { version: number }): void {
    this.news.push(version);
  }

  gone(): void {
    this.news.push('gone');
  }
}
