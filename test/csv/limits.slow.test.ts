import { describe, expect, it } from 'vitest';
import { readCsv } from '../../src/csv/read.ts';
import { timed } from '../support/calibration.ts';
import { fileOf, hardFiles, MB, twoColumns } from './support.ts';

describe('readCsv: bounded work and memory', () => {
  it.each(hardFiles)('reads a megabyte of %s without going over it again and again', async (_, pattern) => {
    const file = Buffer.alloc(MB, pattern);

    const { ms, allowanceMs } = await timed(async () => {
      for await (const batch of readCsv({ open: fileOf(file, [65_536]), format: twoColumns }))
        batch.position();
    });

    // Half a second, or 7 s where each line is given up at 30 µs; going over it again at each line makes hours.
    expect(ms).toBeLessThan(20_000 + 10 * allowanceMs);
  });

  it.each([
    ['a line of 300 MB', 'x'],
    ['fields without a line break', 'x,'],
  ])('reads %s in constant memory', async (_, pattern) => {
    const chunk = Buffer.alloc(MB, pattern);
    async function* open() {
      for (let sent = 0; sent < 300; sent++) yield chunk;
    }
    const before = process.memoryUsage.rss();

    let peak = 0;
    for await (const batch of readCsv({ open, format: twoColumns })) {
      peak = Math.max(peak, process.memoryUsage.rss());
      expect(batch.items.length).toBeLessThan(2);
    }

    expect((peak - before) / MB).toBeLessThan(200);
  });
});
