/** Counts by kind since the process started. */
export class Counts<Kind extends string> {
  private readonly counts = new Map<Kind, number>();

  add(kind: Kind, count = 1): void {
    this.counts.set(kind, this.of(kind) + count);
  }

  of(kind: Kind): number {
    return this.counts.get(kind) ?? 0;
  }

  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }
}
