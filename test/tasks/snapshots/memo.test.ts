import { describe, expect, it } from 'vitest';
import { Memo } from '../../../src/tasks/snapshots/memo.ts';
import { stopClock } from '../../support/clock.ts';

/** A function that loads, and counts its calls. */
function counting() {
  const loads: string[] = [];
  const load = (value: string) => async () => {
    loads.push(value);
    return value;
  };
  return { loads, load };
}

describe('a value that many ask for', () => {
  it('is loaded once at a time, and kept for a while', async () => {
    using clock = stopClock();
    const memo = new Memo<string>({ maxAgeMs: 200, maxEntries: 10 });
    const { loads, load } = counting();

    expect(await Promise.all([memo.get('a', load('1')), memo.get('a', load('2'))])).toEqual(['1', '1']);
    clock.pass(199);
    expect(await memo.get('a', load('3'))).toBe('1');
    clock.pass(1);
    expect(await memo.get('a', load('4'))).toBe('4');

    expect(loads).toEqual(['1', '4']);
  });

  it('is not kept when loading it failed', async () => {
    const memo = new Memo<string>({ maxAgeMs: 60_000, maxEntries: 10 });
    const { load } = counting();

    await expect(memo.get('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');

    expect(await memo.get('a', load('1'))).toBe('1');
  });

  it('makes room for newer values when there are too many', async () => {
    const memo = new Memo<string>({ maxAgeMs: 60_000, maxEntries: 2 });
    const { loads, load } = counting();

    for (const key of ['a', 'b', 'c', 'b', 'a']) await memo.get(key, load(key));

    expect(loads).toEqual(['a', 'b', 'c', 'a']);
  });
});
