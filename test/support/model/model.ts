/**
 * The state machine as a model that is small enough to be checked by reading: the design's rules for a few
 * tasks, their queue entries and their workers.
 */
import { isTerminal, type TaskStatus } from '../../../src/tasks/model/state-machine.ts';

export interface ModelTask {
  readonly maxAttempts: number;
  status: TaskStatus;
  attempt: number;
  failures: number;
  losses: number;
  cancelRequested: boolean;
  /** The place of the worker in the model. */
  worker: number | null;
  done: number | null;
  checkpoint: number | null;
  /** The attempt that wrote the checkpoint. */
  checkpointAttempt: number | null;
  percent: number;
  /** The number of its last queue entry, which is the valid one while the task is queued. */
  entry: number;
  /** The state of that entry. `gone`: the entry does not wait although the task still does. */
  entryIs: 'waiting' | 'gone';
  /** The next attempt of the task is due later. */
  isDelayed: boolean;
  /** The task was pruned. */
  isDeleted: boolean;
}

export interface Model {
  readonly tasks: ModelTask[];
  readonly lostWorkers: Set<number>;
}

export function newModel(): Model {
  return { tasks: [], lostWorkers: new Set() };
}

export function submitted(model: Model, maxAttempts: number): void {
  model.tasks.push({
    maxAttempts,
    status: 'queued',
    attempt: 0,
    failures: 0,
    losses: 0,
    cancelRequested: false,
    worker: null,
    done: null,
    checkpoint: null,
    checkpointAttempt: null,
    percent: 0,
    entry: 1,
    entryIs: 'waiting',
    isDelayed: false,
    isDeleted: false,
  });
}

/** The places of the tasks for which `holds` is true. */
export function placesOf(model: Model, holds: (task: ModelTask) => boolean): number[] {
  return [...model.tasks.keys()].filter((place) => holds(model.tasks[place] as ModelTask));
}

export const isDue = (task: ModelTask) =>
  task.status === 'queued' && task.entryIs === 'waiting' && !task.isDelayed;
const isStranded = (task: ModelTask) => task.status === 'queued' && task.entryIs !== 'waiting';
const isPrunable = (task: ModelTask) => isTerminal(task.status) && !task.isDeleted;
export const runsAs = (task: ModelTask, attempt: number) =>
  task.status === 'running' && task.attempt === attempt;
const runsUnder = (worker: number) => (task: ModelTask) =>
  task.status === 'running' && task.worker === worker;

function queue(task: ModelTask, isDelayed: boolean): void {
  task.status = 'queued';
  task.entry += 1;
  task.entryIs = 'waiting';
  task.isDelayed = isDelayed;
}

/** Claims the due tasks; returns the places of those that run now. */
export function claimDue(model: Model, worker: number): number[] {
  if (model.lostWorkers.has(worker)) return [];
  const places = placesOf(model, isDue);
  for (const place of places) {
    const task = model.tasks[place] as ModelTask;
    const percent = task.checkpoint === null ? 0 : task.percent;
    Object.assign(task, { status: 'running', attempt: task.attempt + 1, worker, done: null, percent });
  }
  return places;
}

/** Somebody deletes all entries, or takes them out of the queue and never runs their tasks. */
export function deleteEntries(model: Model): void {
  for (const task of model.tasks) task.entryIs = 'gone';
}

/** Gives stranded tasks new entries; returns the places of these tasks. */
export function requeue(model: Model): number[] {
  const places = placesOf(model, isStranded);
  for (const place of places) {
    const task = model.tasks[place] as ModelTask;
    queue(task, task.isDelayed);
  }
  return places;
}

/** Moves on the task of an attempt that ends in any way but success. */
function leave(task: ModelTask, how: { counts: boolean; final: boolean; losses: number; delayed: boolean }) {
  if (how.counts && !task.cancelRequested) task.failures += 1;
  task.losses = how.losses;
  task.worker = null;
  const mayTryAgain = !how.counts || (!how.final && task.failures < task.maxAttempts);
  if (task.cancelRequested) task.status = 'cancelled';
  else if (mayTryAgain) queue(task, how.delayed);
  else task.status = 'failed';
}

/** Ends the task if the attempt owns it, and returns whether it does. */
export function succeed(task: ModelTask, attempt: number): boolean {
  if (!runsAs(task, attempt)) return false;
  Object.assign(task, { status: 'succeeded', losses: 0, worker: null, percent: 100 });
  return true;
}

export type Outcome = 'failed' | 'timed_out' | 'permanent' | 'handed_back';

/** Moves the task on if the attempt owns it, and returns whether it does. */
export function fail(task: ModelTask, attempt: number, outcome: Outcome, isDelayed: boolean): boolean {
  if (!runsAs(task, attempt)) return false;
  const counts = outcome !== 'handed_back';
  leave(task, { counts, final: outcome === 'permanent', losses: 0, delayed: isDelayed });
  return true;
}

export function cancel(task: ModelTask): 'cancelled' | 'requested' | 'alreadyCancelled' | 'finished' | null {
  if (task.isDeleted) return null;
  if (task.status === 'cancelled') return 'alreadyCancelled';
  if (isTerminal(task.status)) return 'finished';
  task.cancelRequested = true;
  if (task.status === 'running') return 'requested';
  task.status = 'cancelled';
  return 'cancelled';
}

export function retry(
  task: ModelTask,
  from: 'checkpoint' | 'start',
): 'queued' | 'succeeded' | 'unfinished' | null {
  if (task.isDeleted) return null;
  if (task.status === 'succeeded') return 'succeeded';
  if (!isTerminal(task.status)) return 'unfinished';
  Object.assign(task, { failures: 0, losses: 0, cancelRequested: false });
  if (from === 'start') Object.assign(task, { done: null, checkpoint: null, percent: 0 });
  queue(task, false);
  return 'queued';
}

/** Places of the tasks that run under a worker. */
export function runningOf(model: Model, worker: number): number[] {
  return placesOf(model, runsUnder(worker));
}

export type Reason = 'exited' | 'lease_lapsed' | 'blocked' | 'handed_back';

/** Gives a worker up; the `overdue` tasks have blocked it. Returns the places of its tasks. */
export function giveUp(model: Model, worker: number, why: Reason, overdue: readonly number[] = []): number[] {
  const places = runningOf(model, worker);
  const isAlone = places.length === 1;
  for (const place of places) {
    const task = model.tasks[place] as ModelTask;
    const isOverdue = overdue.includes(place);
    const isRepeated = task.losses >= 9;
    const hasProgressed = task.checkpointAttempt === task.attempt;
    const fates = {
      exited: { counts: isRepeated || (isAlone && !hasProgressed), losses: task.losses + 1 },
      lease_lapsed: { counts: isRepeated, losses: task.losses + 1 },
      blocked: { counts: isOverdue, losses: isOverdue ? 0 : task.losses },
      handed_back: { counts: false, losses: 0 },
    };
    leave(task, { ...fates[why], final: false, delayed: fates[why].counts });
  }
  model.lostWorkers.add(worker);
  return places;
}

/** Deletes the finished tasks; returns how many. */
export function prune(model: Model): number {
  const places = placesOf(model, isPrunable);
  for (const place of places) (model.tasks[place] as ModelTask).isDeleted = true;
  return places.length;
}
