/**
 * What a task's page says beyond the row: its history, its place in the queue, and when its worker was
 * last heard from. Read at most once a version or once a second, however many look.
 */
import { type HistoryEntry, readHistory, readSignsOfLife, type SignsOfLife } from '../read.ts';
import type { TaskRow } from '../row.ts';
import type { Store } from '../store.ts';
import { Memo } from './memo.ts';
import { type QueuedTask, QueuePlaces } from './queue-places.ts';

export interface Waiting {
  /** From 1: how many tasks of its queue are taken before this one, itself included. Null unless queued, or far back. */
  readonly place: number | null;
  /** Of the worker that runs it. Null unless running. */
  readonly worker: SignsOfLife | null;
}

const heardAgeMs = 1_000;
/** Of half a megabyte at most each. */
const maxHistories = 40;
const maxWorkers = 1_000;

export class Surroundings {
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

  /** Oldest first. A version names its history: every event raises the version. */
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
