/** Values that many callers ask for: loaded once at a time, kept for a while, and bounded in number. */
import { monotonicMs } from '../../scheduling/monotonic.ts';

interface Kept<Value> {
  readonly value: Promise<Value>;
  readonly loadedMs: number;
}

export class Memo<Value> {
  private readonly kept = new Map<string, Kept<Value>>();
  private readonly options: { readonly maxAgeMs: number; readonly maxEntries: number };

  constructor(options: { maxAgeMs: number; maxEntries: number }) {
    this.options = options;
  }

  /** The value loaded under this key within `maxAgeMs`; otherwise it is loaded now. A failure is not kept. */
  get(key: string, load: () => Promise<Value>): Promise<Value> {
    const known = this.kept.get(key);
    if (known && monotonicMs() - known.loadedMs < this.options.maxAgeMs) return known.value;

    const value = load();
    const kept = { value, loadedMs: monotonicMs() };
    // The value becomes the last in the map, so that the first is always the one that was loaded longest ago.
    this.kept.delete(key);
    this.kept.set(key, kept);
    value.catch(() => {
      if (this.kept.get(key) === kept) this.kept.delete(key);
    });
    const [oldest] = this.kept.keys();
    if (oldest !== undefined && this.kept.size > this.options.maxEntries) this.kept.delete(oldest);
    return value;
  }
}
