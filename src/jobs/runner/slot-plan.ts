/** How many tasks for each slot may have returned without taking up a slot while their ends are not written yet. */
const freeEndsPerSlot = 2;

/**
 * Decides which queue to claim from next, and how many tasks: by free slots, the limit of each type, and
 * turns. A task whose end is not written yet still runs under this runner. Twice as many such tasks as there
 * are slots take up no slot; each further one takes up a slot, so that they do not pile up in an outage. (With
 * twice as many, claims seldom wait for ends, and an end that is late shares a statement with the next ones. With
 * only as many as there are slots, a drain of short tasks takes 8 % longer.)
 */
export class SlotPlan {
  private readonly limitOf: (queue: string) => number;
  /** Queues that may have work, in the order in which they get their turn. */
  private readonly ready = new Set<string>();
  private readonly taken = new Map<string, number>();
  private readonly slots: number;
  private free: number;
  private unwritten = 0;
  private isClosed = false;

  constructor(slots: number, limitOf: (queue: string) => number) {
    this.slots = slots;
    this.free = slots;
    this.limitOf = limitOf;
  }

  markReady(queue: string): void {
    this.ready.add(queue);
  }

  /** How many more attempts from a queue may run now. */
  roomFor(queue: string): number {
    const room = this.free - Math.max(0, this.unwritten - freeEndsPerSlot * this.slots);
    return Math.min(room, this.limitOf(queue) - (this.taken.get(queue) ?? 0));
  }

  /**
   * Reserves slots for the next queue in turn. From then on the queue counts as empty: the caller marks it
   * ready again when its claim left work behind, or when new work arrives.
   */
  next(): { queue: string; count: number } | undefined {
    if (this.isClosed) return undefined;
    for (const queue of this.ready) {
      const count = this.roomFor(queue);
      if (count <= 0) continue;
      this.ready.delete(queue);
      this.free -= count;
      this.taken.set(queue, (this.taken.get(queue) ?? 0) + count);
      return { queue, count };
    }
    return undefined;
  }

  release(queue: string, count: number): void {
    this.free += count;
    this.taken.set(queue, (this.taken.get(queue) ?? 0) - count);
  }

  /** An attempt's code has returned: its slot is free although its end is not written yet. */
  returned(queue: string): void {
    this.release(queue, 1);
    this.unwritten += 1;
  }

  /** The end of an attempt whose code had returned is written, or the attempt no longer owns its task. */
  written(): void {
    this.unwritten -= 1;
  }

  /** Nothing is claimed any more. */
  close(): void {
    this.isClosed = true;
  }
}
