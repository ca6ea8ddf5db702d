/** Random numbers that can be repeated: a generator with a seed. */

export class Random {
  private state: number;

  /** @param stream a name; each stream of a seed gives different numbers */
  constructor(seed: number, stream: string) {
    let state = seed >>> 0;
    for (const letter of stream) state = Math.imul(state ^ letter.charCodeAt(0), 0x01000193) >>> 0;
    this.state = state;
  }

  /** A number from 0 to below 1, by the algorithm mulberry32. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number, both ends included. */
  between(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.between(0, items.length - 1)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  shuffled<Item>(items: readonly Item[]): Item[] {
    return items
      .map((item) => ({ item, place: this.next() }))
      .sort((a, b) => a.place - b.place)
      .map(({ item }) => item);
  }
}

/** The seed to replay, or a new one. */
export function chooseSeed(given = process.env.HEADWAY_CHAOS_SEED): number {
  return given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
}
