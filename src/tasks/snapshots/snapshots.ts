/**
 * The tasks that somebody polls or watches, kept in memory: read together, once a tick and when there is
 * news, in one statement that returns only what has changed. Between ticks memory answers.
 */
import type pg from 'pg';
import { Counts } from '../../logging/counts.ts';
import { Slice } from '../../scheduling/slice.ts';
import type { TaskRow } from '../model/row.ts';
import { isTerminal } from '../model/state-machine.ts';
import { FirstReads, type ReadOptions, TooManyReadsError } from './first-reads.ts';
import { type FollowedTask, newFollowedTask } from './followed-task.ts';
import { Freshness } from './freshness.ts';
import { Rotation } from './rotation.ts';
import { readChanges, readRows } from './rows.ts';
import type { Known, Remembered, Snapshot, Watcher } from './snapshot.ts';
import { Ticker } from './ticker.ts';

export interface SnapshotsOptions<Answer> {
  readonly pool: pg.Pool;
  /** Makes the answer that is sent for a row, once for each version. */
  readonly render: (row: TaskRow) => Answer;
  /** The memory that an answer takes, in bytes. */
  readonly bytesOf: (answer: Answer) => number;
  /** Default 200. */
  readonly tickMs?: number;
  /** The most memory for answers; beyond it those unasked for longest are dropped; default 64 MiB. */
  readonly maxBytes?: number;
  readonly onError: (error: unknown) => void;
}

const defaultTickMs = 200;
const defaultMaxBytes = 64 * 1024 * 1024;
/** A task that is polled stays in the set for at least this long. */
const leastKeepMs = 5_000;
/** Changes are told together, unless making their answers takes longer than this: then others get a turn. */
const sliceMs = 100;

export class Snapshots<Answer> {
  /** Statements since the start: `refresh` reads the set, `first` other tasks. */
  readonly reads = new Counts<'refresh' | 'first'>();
  private readonly options: SnapshotsOptions<Answer>;
  /** The refresh set. Other tasks are read anew: another process may have changed or deleted them. */
  private readonly set = new Map<string, FollowedTask<Answer>>();
  /** Versions of tasks that left the set during a first read of them, which may find an older version. */
  private readonly left = new Map<string, number>();
  private readonly firstReads: FirstReads;
  private readonly ticker: Ticker;
  private readonly rotation = new Rotation();
  private readonly freshness = new Freshness();
  private bytes = 0;

  constructor(options: SnapshotsOptions<Answer>) {
    this.options = options;
    this.firstReads = new FirstReads((ids) => {
      this.reads.add('first');
      return readRows(options.pool, ids);
    });
    this.ticker = new Ticker({
      tickMs: options.tickMs ?? defaultTickMs,
      run: (startedMs) => this.freshness.during(startedMs, () => this.refresh(startedMs)),
      onError: options.onError,
    });
  }

  start(): void {
    this.ticker.start();
  }

  stop(): Promise<void> {
    return this.ticker.stop();
  }

  /** How many tasks are refreshed. */
  get size(): number {
    return this.set.size;
  }

  /** Whether memory may answer: a refresh has succeeded within the last 2 s. */
  get isFresh(): boolean {
    return this.freshness.isFresh;
  }

  /**
   * What memory knows of a task; undefined where the task must be read. It is no older than a tick and a
   * read, or ten ticks for a finished task among very many.
   * @param atLeast the newest version that the client has seen, from whichever process
   */
  current(id: string, atLeast = 0): Snapshot<Answer> | undefined {
    const task = this.set.get(id);
    if (task === undefined || task.version < atLeast) return undefined;
    return this.isFresh ? task.snapshot : undefined;
  }

  /**
   * In an outage, what memory knew of a task before refreshes began to fail or to hang, at most a minute ago.
   * Undefined while the database can be asked.
   * @param atLeast as for `current`
   */
  remembered(id: string, atLeast = 0): Remembered<Answer> | undefined {
    const { version = 0, snapshot } = this.set.get(id) ?? {};
    if (snapshot === undefined || version < atLeast || !this.freshness.isCutOff) return undefined;
    return { snapshot, ageSeconds: this.freshness.ageSeconds };
  }

  /**
   * Whether a task that is not in memory would be read. To be asked by those who ask for many at once: to refuse
   * each of them costs more.
   * @throws {TooManyReadsError} where too many wait already
   */
  checkRoomForMany(): void {
    if (!this.firstReads.hasRoom(true)) throw new TooManyReadsError('Too many tasks are waited for');
  }

  /**
   * The task as it is now; undefined for an unknown id. Rejects when the database cannot be asked.
   * @throws {TooManyReadsError} where too many wait already
   */
  async read(id: string, options: ReadOptions = {}): Promise<Snapshot<Answer> | undefined> {
    const row = await this.firstReads.read(id, options);
    if (!row) return undefined;
    const snapshot = this.accept(row);
    if (snapshot) return snapshot;
    // A write of this process, or a refresh, overtook the read. A second read counts, whatever it finds.
    const again = await this.firstReads.read(id, options);
    return again && (this.accept(again) ?? this.replace(again));
  }

  /** The task from memory where memory is new enough, otherwise read. */
  async find(id: string, atLeast = 0, options: ReadOptions = {}): Promise<Snapshot<Answer> | undefined> {
    return this.current(id, atLeast) ?? this.read(id, options);
  }

  /** Notes that the task is polled: it stays in the set for `keepMs`, and at least 5 s. */
  keep(known: Known, keepMs: number): void {
    const task = this.followedOf(known);
    const untilMs = performance.now() + Math.max(keepMs, leastKeepMs);
    if (untilMs > task.pollsUntilMs) task.pollsUntilMs = untilMs;
  }

  /** Follows a task from a version on, until the returned function is called. */
  watch(known: Known, watcher: Watcher<Answer>): () => void {
    const task = this.followedOf(known);
    task.watchers ??= new Set();
    task.watchers.add(watcher);
    // The task changed between the caller's read and now.
    if (task.snapshot && task.version !== known.version) watcher.changed(task.snapshot);
    // Others saw a newer version, whose snapshot was evicted: let the next tick read it and tell everyone.
    else if (task.toldVersion > known.version) task.toldVersion = known.version;
    return () => {
      task.watchers?.delete(watcher);
      if (task.watchers?.size === 0) task.watchers = undefined;
    };
  }

  /** Takes over a row that this process has just written. No earlier read undoes it. */
  put(row: TaskRow): Snapshot<Answer> {
    return this.accept(row) ?? this.snapshotOf(row);
  }

  /** As `put`, where only the version that was written is known. */
  raise(id: string, version: number): void {
    const task = this.set.get(id) ?? this.follow(id);
    if (task.version >= version) return;
    task.version = version;
    task.isFinished = false;
    // The next tick, or a poll before it, reads the row.
    this.dropSnapshot(task);
  }

  /** Called when a process has written progress of this task: reads it at once if it is in the set. */
  hurry(id: string): void {
    if (this.set.has(id)) this.ticker.wake();
  }

  private async refresh(startedMs: number): Promise<void> {
    for (const id of this.left.keys()) if (!this.firstReads.isReading(id)) this.left.delete(id);
    const ids: string[] = [];
    const versions: number[] = [];
    this.rotation.begin();
    for (const task of this.set.values()) {
      // While refreshes fail, nothing is removed, because it could not be read again.
      if (task.watchers === undefined && task.pollsUntilMs <= startedMs && !this.freshness.hasFailed) {
        this.remove(task);
      } else if (this.rotation.has(task)) {
        task.versionAtRefresh = task.version;
        ids.push(task.id);
        versions.push(task.toldVersion);
      }
    }
    if (ids.length > 0) {
      this.reads.add('refresh');
      const changes = await readChanges(this.options.pool, ids, versions);
      const slice = new Slice(sliceMs);
      for (const { id, row } of changes) {
        if (slice.isOver) await slice.next();
        try {
          if (row) this.acceptRefreshed(row);
          else this.dropGone(id);
        } catch (error) {
          // A row of which no answer can be made must trouble only those who ask for it.
          this.options.onError(error);
        }
      }
    }
  }

  /** A version below one known before the read means that the database was restored: its row counts. */
  private acceptRefreshed(row: TaskRow): void {
    const task = this.set.get(row.id);
    if (task && row.version < task.version && task.version === task.versionAtRefresh) this.replace(row);
    else this.accept(row);
  }

  /** Takes over a row unless it is out of date. Returns the newest snapshot; undefined if there is none. */
  private accept(row: TaskRow): Snapshot<Answer> | undefined {
    const task = this.set.get(row.id);
    if (task === undefined && row.version < (this.left.get(row.id) ?? 0)) return undefined;
    if (task !== undefined && row.version < task.version) return task.snapshot;
    if (task?.snapshot && row.version === task.version) return task.snapshot;
    return this.replace(row);
  }

  private replace(row: TaskRow): Snapshot<Answer> {
    const task = this.set.get(row.id) ?? this.follow(row.id);
    const isNews = row.version !== task.toldVersion;
    this.dropSnapshot(task);
    const snapshot = this.snapshotOf(row);
    task.version = row.version;
    task.toldVersion = row.version;
    task.isFinished = isTerminal(row.status);
    task.snapshot = snapshot;
    this.bytes += this.options.bytesOf(snapshot.answer);
    if (isNews && task.watchers) for (const watcher of [...task.watchers]) watcher.changed(snapshot);
    if (this.bytes > (this.options.maxBytes ?? defaultMaxBytes)) this.evict();
    return snapshot;
  }

  private snapshotOf(row: TaskRow): Snapshot<Answer> {
    return { id: row.id, version: row.version, answer: this.options.render(row) };
  }

  private dropGone(id: string): void {
    const task = this.set.get(id);
    if (!task) return;
    this.remove(task);
    for (const watcher of [...(task.watchers ?? [])]) watcher.gone(id);
  }

  /** The task as the set has it. An evicted task comes back without its snapshot. */
  private followedOf({ id, version }: Known): FollowedTask<Answer> {
    const known = this.set.get(id);
    if (known) return known;
    const task = this.follow(id);
    task.version = version;
    task.toldVersion = version;
    return task;
  }

  private follow(id: string): FollowedTask<Answer> {
    const task: FollowedTask<Answer> = newFollowedTask(id, performance.now() + leastKeepMs);
    this.set.set(id, task);
    return task;
  }

  private remove(task: FollowedTask<Answer>): void {
    this.dropSnapshot(task);
    this.set.delete(task.id);
    if (this.firstReads.isReading(task.id)) this.left.set(task.id, task.version);
  }

  private dropSnapshot(task: FollowedTask<Answer>): void {
    if (task.snapshot) this.bytes -= this.options.bytesOf(task.snapshot.answer);
    task.snapshot = undefined;
  }

  /** Drops answers down to three quarters of the limit. A watched task stays, and is read when asked for. */
  private evict(): void {
    const goal = 0.75 * (this.options.maxBytes ?? defaultMaxBytes);
    const byAge = [...this.set.values()].sort((a, b) => a.pollsUntilMs - b.pollsUntilMs);
    for (const task of byAge) {
      if (this.bytes <= goal) return;
      if (task.watchers === undefined) this.remove(task);
      else this.dropSnapshot(task);
    }
  }
}
