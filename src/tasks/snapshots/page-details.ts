/**
 * What a task's page says beyond the row: its history, its place in the queue, and when its worker was last
 * heard from. Each is read at most once a version or once a second, however many people look.
 */

import type { TaskRow } from '../model/row.ts';
import { type HistoryEntry, readHistory, readSignsOfLife, type SignsOfLife } from '../queries/read.ts';
import type { Store } from '../store.ts';
import { Memo } from './memo.ts';
import { type QueuedTask, QueuePlaces } from './queue-places.ts';

export interface Waiting {
  /** The task's place in its queue: 1 is the next. Null where it is not queued, or far back. */
  readonly place: number | null;
  /** When the worker that runs the task was last heard from. Null unless the task is running. */
  readonly worker: SignsOfLife | null;
}

const heardAgeMs = 1_000;
/** Of half a megabyte at most each. */
const maxHistories = 40;
const maxWorkers = 1_000;

export class PageDetails {
  readonly places: QueuePlaces;
  private readonly store: Store;
  private readonly histories = new Memo<HistoryEntry[]>({
    maxAgeMs: Number.POSITIVE_INFINITY,
    maxEntries: maxHistories,
  });
  private readonly heard = new Memo<SignsOfLife | null>({ maxAgeMs: heardAgeMs, maxEntries: maxWorkers });

  constructor(store: Store) {
    this.store = store;
    this.places = new QueuePlaces(store);
  }

  /** The history, oldest first. It is kept by version, because every event raises the version. */
  history(id: string, version: number): Promise<HistoryEntry[]> {
    return this.histories.get(`${id} ${version}`, () => readHistory(this.store, id));
  }

  async waiting(task: QueuedTask & Pick<TaskRow, 'status' | 'workerId'>): Promise<Waiting> {
    const { status, workerId } = task;
    if (status === 'queued') return { place: await this.places.placeOf(task), worker: null };
    if (status !== 'running' || workerId === null) return { place: null, worker: null };
    const worker = await this.heard.get(workerId, () => readSignsOfLife(this.store, workerId));
    return { place: null, worker };
  }
}
