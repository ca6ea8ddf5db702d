import { afterEach, describe, expect, it, vi } from 'vitest';
import { newId } from '../../src/tasks/model/ids.ts';

const timeOf = (id: string) => Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);

describe('an id', () => {
  afterEach(() => vi.useRealTimers());

  it('is a UUID of version 7', () => {
    const ids = Array.from({ length: 1000 }, newId);

    for (const id of ids) {
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
  });

  it('begins with the time in milliseconds', () => {
    const before = Date.now();
    const time = timeOf(newId());

    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(Date.now());
  });

  it.each([0, 1, 255, 1_700_000_000_000, 2 ** 48 - 1])('holds the time %i whole', (time) => {
    vi.useFakeTimers({ now: time, toFake: ['Date'] });

    expect(timeOf(newId())).toBe(time);
  });

  it('sorts after every id of an earlier millisecond', () => {
    vi.useFakeTimers({ now: 1_700_000_000_255, toFake: ['Date'] });
    const earlier = Array.from({ length: 100 }, newId);
    vi.setSystemTime(1_700_000_000_256);
    const later = Array.from({ length: 100 }, newId);

    expect([...later, ...earlier].sort().slice(0, 100)).toEqual(earlier.sort());
  });

  it('is unique, and random in all of its other 74 bits, also within one millisecond', () => {
    vi.useFakeTimers({ now: 1_700_000_000_000, toFake: ['Date'] });
    const ids = Array.from({ length: 20_000 }, newId);

    expect(new Set(ids).size).toBe(20_000);
    const bits = ids.map((id) => BigInt(`0x${id.replaceAll('-', '').slice(12)}`));
    const ones = bits.reduce((seen, value) => seen | value, 0n);
    const zeros = bits.reduce((seen, value) => seen | ~value, 0n) & (2n ** 80n - 1n);
    // Of the last 80 bits, six say version and variant and never change.
    expect((ones & zeros).toString(2).replaceAll('0', '')).toHaveLength(74);
  });
});
