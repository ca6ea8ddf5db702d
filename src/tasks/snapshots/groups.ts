/**
 * The groups that somebody polls or watches: their members in memory, and who joins. A group's tasks are
 * snapshots like all others; only the membership is read here, once a second for all groups.
 */
import type pg from 'pg';
import { Loop } from '../../loop.ts';
import { monotonicMs } from '../../monotonic.ts';
import { type TaskRow, taskColumns } from '../row.ts';
import type { Snapshot, Snapshots, Watcher } from './snapshots.ts';

/** Of a larger group, its newest tasks are followed. */
export const maxMembers = 1_000;

const joinMs = 1_000;
/** Rows become visible when they are committed, later than they were created: so far back is looked each time. */
const overlapSeconds = 10;
/** A group that is polled stays in memory at least this long. */
const leastKeepMs = 5_000;

interface Member<Answer> {
  snapshot: Snapshot<Answer>;
  readonly createdMs: number;
  unwatch: () => void;
}

/** A group in memory. */
export class Group<Answer> implements Watcher<Answer> {
  readonly name: string;
  /** Rises with every change, of a member or of who they are. */
  generation = 0;
  /** Until when polls keep it. */
  keepUntilMs = monotonicMs() + leastKeepMs;
  readonly watchers = new Set<Watcher<Answer>>();
  private readonly snapshots: Snapshots<Answer>;
  private readonly members = new Map<string, Member<Answer>>();

  constructor(name: string, snapshots: Snapshots<Answer>) {
    this.name = name;
    this.snapshots = snapshots;
  }

  get size(): number {
    return this.members.size;
  }

  /** Newest first. */
  get tasks(): Snapshot<Answer>[] {
    return [...this.members.values()]
      .sort((a, b) => b.createdMs - a.createdMs || (a.snapshot.id < b.snapshot.id ? 1 : -1))
      .map((member) => member.snapshot);
  }

  has(id: string): boolean {
    return this.members.has(id);
  }

  join(snapshot: Snapshot<Answer>, createdMs: number): void {
    if (this.members.has(snapshot.id)) return;
    const member: Member<Answer> = { snapshot, createdMs, unwatch: noop };
    // A member before it is watched: `watch` may tell of a newer version at once.
    this.members.set(snapshot.id, member);
    member.unwatch = this.snapshots.watch(snapshot, this);
    this.changed(member.snapshot);
    if (this.members.size > maxMembers) this.dropOldest();
  }

  changed(snapshot: Snapshot<Answer>): void {
    const member = this.members.get(snapshot.id);
    if (!member) return;
    member.snapshot = snapshot;
    this.generation += 1;
    for (const watcher of [...this.watchers]) watcher.changed(snapshot);
  }

  gone(id: string): void {
    if (!this.members.delete(id)) return;
    this.generation += 1;
    for (const watcher of [...this.watchers]) watcher.gone(id);
  }

  release(): void {
    for (const member of this.members.values()) member.unwatch();
    this.members.clear();
  }

  private dropOldest(): void {
    const oldest = this.tasks.at(-1);
    if (!oldest) return;
    this.members.get(oldest.id)?.unwatch();
    this.members.delete(oldest.id);
    this.generation += 1;
  }
}

export class Groups<Answer> {
  private readonly pool: pg.Pool;
  private readonly snapshots: Snapshots<Answer>;
  private readonly loop: Loop;
  private readonly groups = new Map<string, Group<Answer>>();
  private readonly loading = new Map<string, Promise<Group<Answer>>>();
  private joinedUntilMs = monotonicMs();

  constructor(options: { pool: pg.Pool; snapshots: Snapshots<Answer>; onError: (error: unknown) => void }) {
    this.pool = options.pool;
    this.snapshots = options.snapshots;
    this.loop = new Loop({ intervalMs: joinMs, run: () => this.turn(), onError: options.onError });
  }

  start(): void {
    this.loop.start();
  }

  stop(): Promise<void> {
    return this.loop.stop();
  }

  /** The group as memory has it, no older than a second for who joins; read now where nobody has followed it. */
  find(name: string): Promise<Group<Answer>> {
    const known = this.groups.get(name);
    if (known && this.snapshots.isFresh) return Promise.resolve(known);
    return this.loading.get(name) ?? this.track(name, this.load(name));
  }

  /** After a submit of this process: its group has it at once. */
  submitted(row: TaskRow): void {
    if (row.group === null) return;
    const join = (group: Group<Answer>) => {
      if (!group.has(row.id)) group.join(this.snapshots.put(row), row.createdAt.getTime());
      return group;
    };
    const group = this.groups.get(row.group);
    if (group) join(group);
    // The load under way may have begun before the submit.
    const loading = this.loading.get(row.group);
    if (loading) this.track(row.group, loading.then(join)).catch(noop);
  }

  /** Says that the group was polled and will be again. */
  keep(group: Group<Answer>, keepMs: number): void {
    this.groups.set(group.name, group);
    group.keepUntilMs = Math.max(group.keepUntilMs, monotonicMs() + Math.max(keepMs, leastKeepMs));
  }

  /** Follows a group until the returned function is called. */
  watch(group: Group<Answer>, watcher: Watcher<Answer>): () => void {
    this.groups.set(group.name, group);
    group.watchers.add(watcher);
    return () => void group.watchers.delete(watcher);
  }

  private track(name: string, loading: Promise<Group<Answer>>): Promise<Group<Answer>> {
    this.loading.set(name, loading);
    const forget = () => {
      if (this.loading.get(name) === loading) this.loading.delete(name);
    };
    loading.then(forget, forget);
    return loading;
  }

  private async load(name: string): Promise<Group<Answer>> {
    const rows = await readMembers(this.pool, name);
    const group = this.groups.get(name) ?? new Group(name, this.snapshots);
    this.groups.set(name, group);
    for (const row of rows) group.join(this.snapshots.put(row), row.createdAt.getTime());
    return group;
  }

  private async turn(): Promise<void> {
    const startedMs = monotonicMs();
    for (const group of this.groups.values()) {
      if (group.watchers.size > 0 || group.keepUntilMs > startedMs) continue;
      this.groups.delete(group.name);
      group.release();
    }
    if (this.groups.size > 0) {
      const sinceSeconds = overlapSeconds + (startedMs - this.joinedUntilMs) / 1000;
      await this.letJoin(await readJoined(this.pool, [...this.groups.keys()], sinceSeconds));
    }
    this.joinedUntilMs = startedMs;
  }

  /** Reads those that are new in one statement, as all of them are asked for at once. */
  private async letJoin(joined: readonly Joined[]): Promise<void> {
    const isNew = ({ group, id }: Joined) => this.groups.get(group)?.has(id) === false;
    await Promise.all(
      joined.filter(isNew).map(async ({ group, id, createdAt }) => {
        const snapshot = await this.snapshots.find(id);
        if (snapshot) this.groups.get(group)?.join(snapshot, createdAt.getTime());
      }),
    );
  }
}

function noop(): void {}

async function readMembers(pool: pg.Pool, group: string): Promise<TaskRow[]> {
  const { rows } = await pool.query<TaskRow>({
    name: 'group-members',
    // By the index on (group_label, created_at, id), backwards.
    text: `SELECT ${taskColumns}
           FROM task_state AS task
           WHERE task.group_label = $1
           ORDER BY task.created_at DESC, task.id DESC
           LIMIT ${maxMembers}`,
    values: [group],
  });
  return rows;
}

/** A task that was created lately. */
interface Joined {
  readonly id: string;
  readonly group: string;
  readonly createdAt: Date;
}

/** The tasks of these groups that were created within the last `sinceSeconds`. */
async function readJoined(pool: pg.Pool, groups: readonly string[], sinceSeconds: number): Promise<Joined[]> {
  const { rows } = await pool.query<Joined>({
    name: 'group-joined',
    // By the same index, which has all that is asked for; one range for each group.
    text: `SELECT task.id, followed.name AS "group", task.created_at AS "createdAt"
           FROM unnest($1::text[]) AS followed (name)
           CROSS JOIN LATERAL (
             SELECT id, created_at
             FROM task_state
             WHERE group_label = followed.name AND created_at > now() - make_interval(secs => $2)
             ORDER BY created_at DESC, id DESC
             LIMIT ${maxMembers}) AS task`,
    values: [groups, sinceSeconds],
  });
  return rows;
}
