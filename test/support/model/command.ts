/** Commands of the model test: each changes the store and the model in the same way, and compares the two. */
import type fc from 'fast-check';
import { expect } from 'vitest';
import type { TaskState } from '../../../src/generated/prisma/client.ts';
import { mayMove } from '../../../src/tasks/model/state-machine.ts';
import type { Store } from '../../../src/tasks/store.ts';
import { rowOf } from '../tasks.ts';
import type { Model, ModelTask } from './model.ts';

/** A command picks among this many of the newest tasks. */
export const maxTasks = 8;

/** Two stores on one database, as in two processes. */
export interface Stores {
  readonly store: Store;
  readonly others: Store;
}

export interface Real extends Stores {
  readonly taskIds: string[];
  readonly versions: number[];
  readonly workerIds: string[];
}

export type Command = fc.AsyncCommand<Model, Real>;

/** Turns a number below `maxTasks` into the place of one of the newest tasks. */
function placeOf(model: Model, number: number): number {
  const count = Math.min(maxTasks, model.tasks.length);
  return model.tasks.length - count + (number % count);
}

/** The task at this place. It exists, because each script begins with some tasks. */
export const taskAt = (model: Model, number: number) => model.tasks[placeOf(model, number)] as ModelTask;
export const idAt = (model: Model, real: Real, number: number) =>
  real.taskIds[placeOf(model, number)] as string;
/** The ids of the tasks at these places, sorted. */
export const idsOf = (real: Real, places: readonly number[]) =>
  places.map((place) => real.taskIds[place] ?? '').sort();

/** The row that the model expects. */
export function expectedRow(task: ModelTask, real: Real) {
  return {
    status: task.status,
    attempt: task.attempt,
    failures: task.failures,
    losses: task.losses,
    cancelRequested: task.cancelRequested,
    worker: task.worker === null ? null : real.workerIds[task.worker],
    done: task.done,
    checkpoint: task.checkpoint,
    percent: task.percent,
  };
}

/** The row in the database, in the same shape. */
export async function actualRow(store: Store, id: string) {
  return asExpected(await rowOf(store, id));
}

function asExpected(row: TaskState) {
  return {
    status: row.status,
    attempt: row.attempt,
    failures: row.failures,
    losses: row.losses,
    cancelRequested: row.cancelRequestedAt !== null,
    worker: row.workerId,
    done: row.done,
    checkpoint: row.checkpoint,
    percent: row.percentDone,
  };
}

/** Compares each row with the model, and the version with that before the command. */
async function compare(model: Model, real: Real, before: readonly ModelTask[]): Promise<void> {
  const rows = new Map((await real.store.db.prisma.taskState.findMany()).map((row) => [row.id, row]));
  for (const [place, task] of model.tasks.entries()) {
    const row = rows.get(real.taskIds[place] ?? '');
    expect(row === undefined).toBe(task.isDeleted);
    if (row === undefined) continue;
    expect(asExpected(row)).toEqual(expectedRow(task, real));
    const old = before[place];
    const { version } = row;
    const hasChanged = old !== undefined && (old.status !== task.status || old.done !== task.done);
    expect(version).toBeGreaterThanOrEqual((real.versions[place] ?? 0) + (hasChanged ? 1 : 0));
    real.versions[place] = version;
  }
}

/** A command after which all rows are compared with the model. */
export function command(
  name: string,
  run: (model: Model, real: Real) => Promise<void>,
  check: (model: Readonly<Model>) => boolean = () => true,
): Command {
  return {
    toString: () => name,
    check,
    async run(model, real) {
      const before = structuredClone(model.tasks);
      await run(model, real);
      await compare(model, real, before);
    },
  };
}

/**
 * A command after which, in addition, each row must have made at most one move of the table of transitions.
 */
export function move(name: string, run: (model: Model, real: Real) => Promise<void>): Command {
  return command(name, async (model, real) => {
    const before = structuredClone(model.tasks);
    await run(model, real);
    for (const [place, old] of before.entries()) {
      const { status } = model.tasks[place] as ModelTask;
      expect(old.status === status || mayMove(old.status, status)).toBe(true);
    }
  });
}
