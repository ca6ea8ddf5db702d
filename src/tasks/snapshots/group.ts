/** A group that somebody polls or watches: its tasks in memory, and the sum of their versions. */
import type { Snapshot, Watcher } from './snapshot.ts';
import type { Snapshots } from './snapshots.ts';

/** Of a larger group, only its newest tasks are followed. */
export const maxMembers = 1_000;

/** A group that is polled stays in memory for at least this long. */
export const leastKeepMs = 5_000;

/** Makes a snapshot without its large parts, for those who keep many snapshots. */
export type Brief<Answer> = (snapshot: Snapshot<Answer>) => Snapshot<Answer>;

export interface GroupOptions<Answer> {
  readonly snapshots: Snapshots<Answer>;
  readonly brief: Brief<Answer>;
}

interface Member<Answer> {
  snapshot: Snapshot<Answer>;
  readonly createdMs: number;
  unwatch: () => void;
}

/** A group in memory. */
export class Group<Answer> implements Watcher<Answer> {
  readonly name: string;
  /** Rises with every change of a member, and with every change of the membership. */
  generation = 0;
  /** The sum of its members' versions: a later state has a higher sum, unless tasks were deleted. */
  versions = 0;
  /** Until when polls keep the group in memory, by `performance.now()`, as all times here. */
  keepUntilMs = performance.now() + leastKeepMs;
  /** When all of its members were last looked up. */
  lookedMs = Number.NEGATIVE_INFINITY;
  readonly watchers = new Set<Watcher<Answer>>();
  private readonly snapshots: Snapshots<Answer>;
  private readonly brief: Brief<Answer>;
  private readonly members = new Map<string, Member<Answer>>();

  constructor(name: string, { snapshots, brief }: GroupOptions<Answer>) {
    this.name = name;
    this.snapshots = snapshots;
    this.brief = brief;
  }

  get size(): number {
    return this.members.size;
  }

  /** Newest first. */
  get tasks(): Snapshot<Answer>[] {
    return [...this.members.values()].sort(newestFirst).map((member) => member.snapshot);
  }

  has(id: string): boolean {
    return this.members.has(id);
  }

  join(snapshot: Snapshot<Answer>, createdMs: number): void {
    if (this.members.has(snapshot.id)) return;
    const member: Member<Answer> = { snapshot: this.brief(snapshot), createdMs, unwatch: () => undefined };
    // The task becomes a member before it is watched, because `watch` may tell of a newer version at once.
    this.members.set(snapshot.id, member);
    this.versions += snapshot.version;
    member.unwatch = this.snapshots.watch(snapshot, this);
    this.tell(member.snapshot);
    if (this.members.size > maxMembers) this.dropOldest();
  }

  changed(snapshot: Snapshot<Answer>): void {
    const member = this.members.get(snapshot.id);
    if (!member) return;
    this.versions += snapshot.version - member.snapshot.version;
    member.snapshot = this.brief(snapshot);
    this.tell(member.snapshot);
  }

  gone(id: string): void {
    if (!this.remove(id)) return;
    for (const watcher of [...this.watchers]) watcher.gone(id);
  }

  release(): void {
    for (const id of [...this.members.keys()]) this.remove(id);
  }

  private tell(snapshot: Snapshot<Answer>): void {
    this.generation += 1;
    for (const watcher of [...this.watchers]) watcher.changed(snapshot);
  }

  /** Watchers are not told: the task is still in the group, beyond its newest `maxMembers` tasks. */
  private dropOldest(): void {
    const [first, ...others] = this.members.values();
    if (!first) return;
    const oldest = others.reduce((a, b) => (newestFirst(a, b) < 0 ? b : a), first);
    this.remove(oldest.snapshot.id);
  }

  private remove(id: string): boolean {
    const member = this.members.get(id);
    if (!member) return false;
    member.unwatch();
    this.members.delete(id);
    this.versions -= member.snapshot.version;
    this.generation += 1;
    return true;
  }
}

/** The order of the database, also for tasks that were created at the same moment. */
function newestFirst<Answer>(a: Member<Answer>, b: Member<Answer>): number {
  return b.createdMs - a.createdMs || (a.snapshot.id < b.snapshot.id ? 1 : -1);
}
