import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { sampleCsv } from '../../../../src/jobs/csv-import/sample.ts';
import { readFile } from './support.ts';

describe('sampleCsv', () => {
  it('writes as many rows as asked for, all of them clean', async () => {
    const { format, items, end } = await readFile(Buffer.concat([...sampleCsv(2000)]));

    expect(format).toMatchObject({ encoding: 'utf-8', delimiter: ',' });
    expect(end).toMatchObject({ rows: 2000, rejected: 0 });
    expect(items[1]).toMatchObject({ kind: 'row', values: expect.arrayContaining(['100002']) });
  });

  it('writes the same bytes each time', () => {
    const digest = () =>
      createHash('sha256')
        .update(Buffer.concat([...sampleCsv(1000)]))
        .digest('hex');

    expect(digest()).toBe(digest());
  });

  it('contains quotes, delimiters, line breaks and other scripts', () => {
    const text = Buffer.concat([...sampleCsv(1000)]).toString();

    expect(text).toMatch(/"24"" monitor"/);
    expect(text).toMatch(/"Tea, green"/);
    expect(text).toMatch(/"Leave with the neighbour\n/);
    expect(text).toMatch(/東京/);
  });

  it('can consist of only its header row', () => {
    expect(Buffer.concat([...sampleCsv(0)]).toString()).toMatch(/^order_id,[a-z_,]+\r\n$/);
  });
});
