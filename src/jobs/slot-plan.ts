/** Which queue to fetch from next, and how much: free slots, the limits of types, and who had a turn. */
export class SlotPlan {
  private readonly limitOf: (type: string) => number;
  /** Queues that may have work, in the order in which they get their turn. */
  private readonly ready = new Set<string>();
  private readonly taken = new Map<string, number>();
  private free: number;
  private isClosed = false;

  constructor(slots: number, limitOf: (type: string) => number) {
    this.free = slots;
    this.limitOf = limitOf;
  }

  markReady(type: string): void {
    this.ready.add(type);
  }

  /** How many more attempts of a type may run now. */
  roomFor(type: string): number {
    return Math.min(this.free, this.limitOf(type) - (this.taken.get(type) ?? 0));
  }

  /**
   * Reserves slots for the next queue in turn. The queue counts as empty from here on: whoever finds
   * it full, or hears of new work meanwhile, marks it ready again.
   */
  next(): { type: string; count: number } | undefined {
    if (this.isClosed) return undefined;
    for (const type of this.ready) {
      const count = this.roomFor(type);
      if (count <= 0) continue;
      this.ready.delete(type);
      this.free -= count;
      this.taken.set(type, (this.taken.get(type) ?? 0) + count);
      return { type, count };
    }
    return undefined;
  }

  release(type: string, count: number): void {
    this.free += count;
    this.taken.set(type, (this.taken.get(type) ?? 0) - count);
  }

  /** Nothing is fetched any more. */
  close(): void {
    this.isClosed = true;
  }
}
