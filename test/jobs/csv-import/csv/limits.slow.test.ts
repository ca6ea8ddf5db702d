import { describe, expect, it } from 'vitest';
import { readCsv } from '../../../../src/jobs/csv-import/csv/read.ts';
import { MB, twoColumns } from './support.ts';

describe('readCsv: bounded memory', () => {
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
