import { describe, expect, it } from 'vitest';
import { type CsvFormat, detectCsvFormat } from '../../src/csv/format.ts';
import { readCsv } from '../../src/csv/read.ts';
import { encode, fileOf, readAll, readFile, rejectionsOf, rowsOf } from './support.ts';

const MB = 1024 * 1024;

const twoColumns: CsvFormat = {
  encoding: 'utf-8',
  bomBytes: 0,
  delimiter: ',',
  columns: ['a', 'b'],
  firstRow: { byteOffset: 0, line: 1, rows: 0, rejected: 0 },
};

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

  it('loses only its line to an unclosed quote, wherever the file is read from and in whatever encoding', {
    timeout: 60_000,
  }, async () => {
    const lines = Array.from({ length: 40_000 }, (_, index) => `é${index},${'v'.repeat(25)}`).join('\r\n');
    const text = `a,b\r\n1,2\r\n3,"four\r\n${lines}\r\n`;
    for (const encoding of ['utf-8', 'windows-1252', 'utf-16le', 'utf-16be'] as const) {
      const open = fileOf(encode(text, encoding), [65_537]);
      const format = await detectCsvFormat(open);

      const { items, positions, end } = await readAll({ open, format });

      expect(format.encoding).toBe(encoding);
      expect(rejectionsOf(items)).toEqual(['line 3: has a quote that is opened but not closed within 1 MB']);
      expect(end).toMatchObject({ line: 40_004, rows: 40_001, rejected: 1 });
      for (const index of [0, 1, 2, 30_000]) {
        const from = positions[index]?.();
        const rest = await readAll({ open, format, from, blockBytes: 10_007 });
        expect(rest.items).toEqual(items.slice(index + 1));
        expect(rest.end).toEqual(end);
      }
    }
  });

  it('finds the end of a long line whose carriageReturn and lineFeed lie in different blocks', async () => {
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

describe('readCsv: bounded work and memory', () => {
  it.each([
    [2, 'quoted fields with line breaks, without end', '"a\nb",'],
    [2, 'text behind closing quotes', '"a\nx"y,'],
    [2, 'quotes closed a line later', '"a\n",b"\n'],
    [2, 'delimiters', ','],
    [2, 'quotes', '"'],
    [2, 'odd quotes', '"""\n"'],
    [2, 'a quote and then line breaks', `"${'\n'.repeat(300_000)}`],
    [1, 'line breaks', '\n'],
    [1, 'one field a line', 'x\n'],
    // Each of its lines is given up, at 30 µs each.
    [0.25, 'unclosed quotes in every line', 'x,"y\n'],
  ])(
    'reads %d MB of %s without going over it again and again',
    { timeout: 120_000 },
    async (megabytes, _, pattern) => {
      const file = Buffer.alloc(megabytes * MB, pattern);
      const started = performance.now();

      let end = twoColumns.firstRow;
      for await (const batch of readCsv({ open: fileOf(file, [65_536]), format: twoColumns }))
        end = batch.position();

      expect(end.byteOffset).toBeLessThanOrEqual(file.length);
      // About a second where each byte is parsed a few times; going over it again at each line makes hours.
      expect(performance.now() - started).toBeLessThan(30_000);
    },
  );

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

  it('passes on what the source throws', async () => {
    async function* open() {
      yield Buffer.from('1,2\n');
      throw new Error('connection lost');
    }

    await expect(readAll({ open, format: twoColumns })).rejects.toThrow('connection lost');
    await expect(detectCsvFormat(open)).rejects.toThrow('connection lost');
  });
});
