/**
 * The groups that somebody polls or watches, and the tasks that join them. A group's tasks are snapshots like
 * all others; only the membership is read here, once a second for all groups.
 */
import type pg from 'pg';
import { tables } from '../../database/names.ts';
import { Loop } from '../../scheduling/loop.ts';
import type { TaskRow } from '../model/row.ts';
import { Freshness } from './freshness.ts';
import { Group, type GroupOptions, leastKeepMs, maxMembers } from './group.ts';
import type { Watcher } from './snapshot.ts';

const joinMs = 1_000;
/** How far back a look for new members goes, as rows become visible only when they are committed. */
const overlapSeconds = 10;
/** How often all members are looked up again: a commit may wait longer, for a replica or for disk space. */
const defaultLookAgainMs = 30_000;
const everSeconds = 1e9;
/** When polled groups have more tasks than this (half a gigabyte), groups are dropped before their time. */
const defaultMaxFollowed = 100_000;

export interface GroupsOptions<Answer> extends GroupOptions<Answer> {
  readonly pool: pg.Pool;
  /** After how long all members of a group are looked up again; default 30,000. */
  readonly lookAgainMs?: number;
  /** How many tasks of polled groups are kept; default 100,000. */
  readonly maxFollowed?: number;
  readonly onError: (error: unknown) => void;
}

export class Groups<Answer> {
  private readonly options: GroupsOptions<Answer>;
  private readonly loop: Loop;
  private readonly freshness = new Freshness();
  private readonly groups = new Map<string, Group<Answer>>();
  private readonly loading = new Map<string, Promise<Group<Answer>>>();
  private joinedUntilMs = performance.now();

  constructor(options: GroupsOptions<Answer>) {
    this.options = options;
    const run = () => {
      const startedMs = performance.now();
      return this.freshness.during(startedMs, () => this.turn(startedMs));
    };
    this.loop = new Loop({ intervalMs: joinMs, run, onError: options.onError });
  }

  start(): void {
    this.loop.start();
  }

  stop(): Promise<void> {
    return this.loop.stop();
  }

  /** Whether memory may answer: both the membership and the members' snapshots must be fresh. */
  get isFresh(): boolean {
    return this.freshness.isFresh && this.options.snapshots.isFresh;
  }

  /**
   * The group from memory, with a membership no older than a second. If memory is stale, or older than what
   * the client has seen, the group is read now.
   * @param atLeast the sum of versions that the client has seen, from whichever process
   */
  find(name: string, atLeast = 0): Promise<Group<Answer>> {
    const known = this.groups.get(name);
    if (known && known.versions >= atLeast && this.isFresh) return Promise.resolve(known);
    return this.loading.get(name) ?? this.track(name, this.load(name));
  }

  /** Called after a submit of this process: the new task joins its group at once. */
  submitted(row: TaskRow): void {
    if (row.group === null) return;
    const join = (group: Group<Answer>) => {
      if (!group.has(row.id)) group.join(this.options.snapshots.put(row), row.createdAt.getTime());
      return group;
    };
    const group = this.groups.get(row.group);
    if (group) join(group);
    // The load under way may have begun before the submit.
    const loading = this.loading.get(row.group);
    if (loading) this.track(row.group, loading.then(join)).catch(() => undefined);
  }

  /** Notes that the group was polled and will be polled again. */
  keep(group: Group<Answer>, keepMs: number): void {
    group.keepUntilMs = Math.max(group.keepUntilMs, performance.now() + Math.max(keepMs, leastKeepMs));
  }

  /** Follows a group until the returned function is called. */
  watch(group: Group<Answer>, watcher: Watcher<Answer>): () => void {
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
    const lookedMs = performance.now();
    const members = await readMembers(this.options.pool, [name], everSeconds);
    const snapshots = await Promise.all(
      members.map(({ id }) => this.options.snapshots.read(id, { isOneOfMany: true })),
    );
    const group = this.groups.get(name) ?? new Group(name, this.options);
    this.groups.set(name, group);
    group.lookedMs = lookedMs;
    // A task that was deleted meanwhile has no snapshot.
    for (const [place, { createdAt }] of members.entries()) {
      const snapshot = snapshots[place];
      if (snapshot) group.join(snapshot, createdAt.getTime());
    }
    return group;
  }

  private async turn(startedMs: number): Promise<void> {
    this.letGo(startedMs);
    const { pool, lookAgainMs = defaultLookAgainMs } = this.options;
    if (this.groups.size > 0) {
      const sinceSeconds = overlapSeconds + (startedMs - this.joinedUntilMs) / 1000;
      const joined = await readMembers(pool, [...this.groups.keys()], sinceSeconds);
      this.joinedUntilMs = startedMs;
      await this.letJoin(joined);
    } else {
      this.joinedUntilMs = startedMs;
    }
    const [group] = [...this.groups.values()].sort((a, b) => a.lookedMs - b.lookedMs);
    if (group && startedMs - group.lookedMs > lookAgainMs) {
      group.lookedMs = startedMs;
      await this.letJoin(await readMembers(pool, [group.name], everSeconds));
    }
  }

  /** Drops unwatched groups whose time is over; with too many tasks, also groups whose time ends next. */
  private letGo(nowMs: number): void {
    const { maxFollowed = defaultMaxFollowed } = this.options;
    const polled = [...this.groups.values()].filter(({ watchers }) => watchers.size === 0);
    let count = polled.reduce((sum, { size }) => sum + size, 0);
    for (const group of polled.sort((a, b) => a.keepUntilMs - b.keepUntilMs)) {
      if (group.keepUntilMs > nowMs && count <= maxFollowed) return;
      count -= group.size;
      this.groups.delete(group.name);
      group.release();
    }
  }

  /** Adds new members. Asks for all their tasks at once, so that one statement reads them. */
  private async letJoin(members: readonly MemberRow[]): Promise<void> {
    const { snapshots, onError } = this.options;
    const isNew = ({ group, id }: MemberRow) => this.groups.get(group)?.has(id) === false;
    await Promise.all(
      members.filter(isNew).map(async ({ group, id, createdAt }) => {
        // A task that cannot be read must not keep the others from joining.
        const snapshot = await snapshots.find(id).catch(onError);
        if (snapshot) this.groups.get(group)?.join(snapshot, createdAt.getTime());
      }),
    );
  }
}

interface MemberRow {
  readonly id: string;
  readonly group: string;
  readonly createdAt: Date;
}

/** The newest tasks of each of these groups, among those that were created within the last `sinceSeconds`. */
async function readMembers(
  pool: pg.Pool,
  groups: readonly string[],
  sinceSeconds: number,
): Promise<MemberRow[]> {
  const { rows } = await pool.query<MemberRow>({
    name: 'group-members',
    // Reads one range for each group of the index on (group_label, created_at, id), which has all columns.
    text: `SELECT task.id, followed.name AS "group", task.created_at AS "createdAt"
           FROM unnest($1::text[]) AS followed (name)
           CROSS JOIN LATERAL (
             SELECT id, created_at
             FROM ${tables.taskState}
             WHERE group_label = followed.name AND created_at > now() - make_interval(secs => $2)
             ORDER BY created_at DESC, id DESC
             LIMIT ${maxMembers}) AS task`,
    values: [groups, sinceSeconds],
  });
  return rows;
}
