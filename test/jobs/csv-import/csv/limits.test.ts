import { Parser } from 'csv-parse';
import { describe, expect, it, vi } from 'vitest';
import { detectCsvFormat } from '../../../../src/jobs/csv-import/csv/format.ts';
import { readCsv } from '../../../../src/jobs/csv-import/csv/read.ts';
import {
  encode,
  fileOf,
  hardFiles,
  MB,
  readAll,
  readFile,
  rejectionsOf,
  rowsOf,
  twoColumns,
} from './support.ts';

describe('readCsv: records over 1 MB', () => {
  it.each([
    ['a field', `1,${'x'.repeat(MB)}\n`],
    ['a quoted field', `1,"${'x'.repeat(MB)}"\n`],
    ['many fields', `${','.repeat(MB)}\n`],
    ['a field of many megabytes', `1,${'x'.repeat(3 * MB)}\r\n`],
  ])('rejects %s and goes on with the next line', async (_, record) => {
    const { items, end } = await readFile(`a,b\n1,2\n${record}3,4\n`);

    expect(items.map(({ line }) => line)).toEqual([2, 3, 4]);
    expect(rejectionsOf(items)).toEqual([
      expect.stringMatching(/^line 3: (is longer than|.* not closed within) 1 MB$/),
    ]);
    expect(rowsOf(items)).toEqual([
      ['1', '2'],
      ['3', '4'],
    ]);
    expect(end).toEqual({ byteOffset: 12 + record.length, line: 5, rows: 2, rejected: 1 });
  });

  it('accepts a record of just under 1 MB', async () => {
    const { items } = await readFile(`a,b\n1,"${'x\n'.repeat(MB / 2 - 10)}"\n3,4`);

    expect(items.map(({ kind, line }) => [kind, line])).toEqual([
      ['row', 2],
      ['row', MB / 2 - 10 + 3],
    ]);
  });

  it('loses only one line to an unclosed quote, from any position and in any encoding', async () => {
    const lines = Array.from({ length: 1_300 }, (_, index) => `é${index},${'v'.repeat(900)}`).join('\r\n');
    const text = `a,b\r\n1,2\r\n3,"four\r\n${lines}\r\n`;
    for (const encoding of ['utf-8', 'windows-1252', 'utf-16le', 'utf-16be'] as const) {
      const open = fileOf(encode(text, encoding), [65_537]);
      const format = await detectCsvFormat(open);

      const { items, positions, end } = await readAll({ open, format });

      expect(format.encoding).toBe(encoding);
      expect(rejectionsOf(items)).toEqual(['line 3: has a quote that is opened but not closed within 1 MB']);
      expect(end).toMatchObject({ line: 1_304, rows: 1_301, rejected: 1 });
      for (const index of [0, 1, 1_000]) {
        const from = positions[index]?.();
        const rest = await readAll({ open, format, from, blockBytes: 10_007 });
        expect(rest.items).toEqual(items.slice(index + 1));
        expect(rest.end).toEqual(end);
      }
    }
  });

  it('finds the end of a long line whose CR and LF lie in different blocks', async () => {
    for (const blockBytes of [1000, 1021, 65_536]) {
      const long = 'x'.repeat(2 * MB + blockBytes - ((2 * MB) % blockBytes) - 1);
      const open = fileOf(`${long}\r\n1,2\n`);

      const { items } = await readAll({ open, format: twoColumns, blockBytes });

      expect(items.map(({ kind, line }) => [kind, line])).toEqual([
        ['rejected', 1],
        ['row', 2],
      ]);
    }
  });
});

describe('readCsv: bounded work', () => {
  it.each(hardFiles)('parses the bytes of a file of %s at most a few times', async (_, pattern) => {
    const file = Buffer.alloc(32_000, pattern);
    const blockBytes = 4_096;
    using parsed = vi.spyOn(Parser.prototype, 'write');
    using copied = vi.spyOn(Buffer, 'concat');

    let end = twoColumns.firstRow;
    for await (const batch of readCsv({ open: fileOf(file), format: twoColumns, blockBytes }))
      end = batch.position();

    expect(end.byteOffset).toBeLessThanOrEqual(file.length);
    // After a record that was given up, at least 64 bytes are parsed, however short the next record is.
    expect(bytesOf(parsed.mock.calls.map(([bytes]) => bytes))).toBeLessThan(20 * file.length);
    expect(bytesOf(copied.mock.calls.flatMap(([parts]) => parts))).toBeLessThan(4 * file.length);
  });

  it('closes the source when the caller stops', async () => {
    let isClosed = false;
    async function* open() {
      try {
        for (;;) yield Buffer.alloc(100_000, '1,2\n');
      } finally {
        isClosed = true;
      }
    }

    for await (const batch of readCsv({ open, format: twoColumns })) if (batch.items.length > 0) break;

    expect(isClosed).toBe(true);
  });

  it('throws the errors of the source', async () => {
    async function* open() {
      yield Buffer.from('1,2\n');
      throw new Error('connection lost');
    }

    await expect(readAll({ open, format: twoColumns })).rejects.toThrow('connection lost');
    await expect(detectCsvFormat(open)).rejects.toThrow('connection lost');
  });
});

function bytesOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}
