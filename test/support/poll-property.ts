/**
 * The property that each client can rely on, whatever happens at the same time: no answer is stale or goes
 * back.
 */
import fc from 'fast-check';
import { expect } from 'vitest';
import { readTask } from '../../src/tasks/queries/read.ts';
import { submit } from './service.ts';
import { startSnapshots, type TestSnapshots } from './snapshots.ts';
import { rowOf, type TestStore } from './tasks.ts';

const taskCount = 3;

/** What the test knows for certain of a task. */
interface Known {
  readonly id: string;
  /**
   * No client may be told a lower version: it was written by this process, or committed before a completed
   * refresh.
   */
  floor: number;
  committed: number;
  isDeleted: boolean;
  /** The task was deleted before the begin of a refresh that has completed. */
  isKnownDeleted: boolean;
}

/** A client that polls one task after the other, and remembers the versions that it has seen. */
class Client {
  private readonly seen = new Map<string, number>();
  private last = Promise.resolve();
  private readonly own: TestSnapshots;

  constructor(own: TestSnapshots) {
    this.own = own;
  }

  /** Starts a poll when the client's previous poll has its answer. */
  poll(task: Known): void {
    this.last = this.last.then(() => this.pollNow(task));
    // `done` reports the error.
    this.last.catch(() => undefined);
  }

  done(): Promise<void> {
    return this.last;
  }

  private async pollNow(task: Known): Promise<void> {
    const { floor, isDeleted, isKnownDeleted } = task;
    const snapshot = await this.own.snapshots.find(task.id);
    if (snapshot === undefined) {
      expect(task.isDeleted).toBe(true);
      return;
    }
    expect(isKnownDeleted).toBe(false);
    expect(snapshot.version).toBeGreaterThanOrEqual(Math.max(floor, this.seen.get(task.id) ?? 0));
    // The content of the answer belongs to the version that it names.
    if (!isDeleted) expect(snapshot.answer.done ?? 0).toBe(snapshot.version - 1);
    this.seen.set(task.id, snapshot.version);
    this.own.snapshots.keep(snapshot, 0);
  }
}

interface World {
  readonly store: TestStore;
  readonly own: TestSnapshots;
  readonly tasks: Known[];
  readonly clients: Client[];
  release(): void;
}

type Step = (world: World) => Promise<void>;

const update = async ({ store }: World, task: Known): Promise<void> => {
  const { rows } = await store.db.pool.query<{ version: number }>(
    'UPDATE task_state SET version = version + 1, done = version WHERE id = $1 RETURNING version',
    [task.id],
  );
  task.committed = rows[0]?.version ?? task.committed;
};

const someTask = fc.nat(taskCount - 1);
const taskOf = (world: World, place: number) => world.tasks[place] as Known;

const updates = someTask.map((place) =>
  named('another process writes', (world) => update(world, taskOf(world, place))),
);

const puts = someTask.map((place) =>
  named('this process writes', async (world) => {
    const task = taskOf(world, place);
    if (task.isDeleted) return;
    await update(world, task);
    world.own.snapshots.put(await rowOf(world.store, task.id));
    task.floor = task.committed;
  }),
);

const raises = someTask.map((place) =>
  named('this process raises', async (world) => {
    const task = taskOf(world, place);
    if (task.isDeleted) return;
    await update(world, task);
    world.own.snapshots.raise(task.id, task.committed);
    task.floor = task.committed;
  }),
);

const polls = fc
  .tuple(fc.nat(2), someTask)
  .map(([client, place]) =>
    named('poll', async (world) => world.clients[client]?.poll(taskOf(world, place))),
  );

const deletions = someTask.map((place) =>
  named('delete', async (world) => {
    const task = taskOf(world, place);
    task.isDeleted = true;
    await world.store.db.pool.query('DELETE FROM task_state WHERE id = $1', [task.id]);
  }),
);

/** Holds back answers of the database, so that they are old when they arrive. */
const holds = fc.constantFrom('snapshot-rows', 'snapshot-changes').map((name) =>
  named(`hold ${name}`, async (world) => {
    world.release();
    world.release = world.own.gate.hold(name);
  }),
);

const releases = fc.constant(named('release', async (world) => world.release()));

const ticks = fc.constant(
  named('tick', async (world) => {
    world.release();
    const before = world.tasks.map((task) => ({ ...task }));
    await world.own.tick();
    for (const [place, { committed, isDeleted }] of before.entries()) {
      const task = taskOf(world, place);
      task.floor = Math.max(task.floor, committed);
      task.isKnownDeleted ||= isDeleted;
    }
  }),
);

const pauses = fc
  .nat(30)
  .map((ms) => named(`pause ${ms}`, () => new Promise<void>((resolve) => setTimeout(resolve, ms))));

/** Gives the step a name, for the report of a failure. */
function named(name: string, step: Step): Step {
  return Object.assign(step, { toString: () => name });
}

/**
 * Checks that no client is told a lower version than before, than this process wrote, or than existed a tick
 * ago.
 */
export async function checkPolls(store: TestStore, numRuns: number): Promise<void> {
  const step = fc.oneof(
    { weight: 6, arbitrary: polls },
    { weight: 3, arbitrary: updates },
    { weight: 2, arbitrary: puts },
    { weight: 1, arbitrary: raises },
    { weight: 2, arbitrary: holds },
    { weight: 2, arbitrary: releases },
    { weight: 2, arbitrary: ticks },
    { weight: 2, arbitrary: pauses },
    { weight: 1, arbitrary: deletions },
  );
  const steps = fc.array(step, { maxLength: 60, size: 'max' });
  const maxBytes = fc.constantFrom(1_000_000, 2_500, 10);

  await fc.assert(
    fc.asyncProperty(steps, maxBytes, async (script, limit) => {
      await using own = await startSnapshots(store, { tickMs: 5, maxBytes: limit });
      const tasks: Known[] = [];
      for (let place = 0; place < taskCount; place += 1) {
        const { id } = await submit(store, 'noop', null);
        tasks.push({ id, floor: 1, committed: 1, isDeleted: false, isKnownDeleted: false });
      }
      const clients = [new Client(own), new Client(own), new Client(own)];
      const world: World = { store, own, tasks, clients, release: () => undefined };

      for (const next of script) await next(world);
      world.release();

      await Promise.all(clients.map((client) => client.done()));
      for (const { id, isDeleted } of tasks) expect((await readTask(store, id)) === null).toBe(isDeleted);
    }),
    { numRuns },
  );
}
