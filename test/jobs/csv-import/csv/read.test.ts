import { describe, expect, it } from 'vitest';
import { encode, readFile, rejectionsOf, rowsOf } from './support.ts';

describe('readCsv: rows', () => {
  it('gives the values of each row in the order of the columns, with the line on which it starts', async () => {
    const { items } = await readFile('id,name\r\n1,Anna\r\n2,Ben\r\n');

    expect(items).toEqual([
      { kind: 'row', line: 2, values: ['1', 'Anna'] },
      { kind: 'row', line: 3, values: ['2', 'Ben'] },
    ]);
  });

  it('reads quoted fields with delimiters, line breaks and escaped quotes', async () => {
    const { items } = await readFile('id,note\n1,"a, b"\n2,"two\r\nlines"\n3,"say ""no"""\n4,""\n');

    expect(items).toEqual([
      { kind: 'row', line: 2, values: ['1', 'a, b'] },
      { kind: 'row', line: 3, values: ['2', 'two\r\nlines'] },
      { kind: 'row', line: 5, values: ['3', 'say "no"'] },
      { kind: 'row', line: 6, values: ['4', ''] },
    ]);
  });

  it('accepts every line ending, also mixed in one file', async () => {
    const { items } = await readFile('a,b\r1,2\r\n3,4\n5,"6\r7\n8\r\n9"\r10,11\r\n12,13');

    expect(items.map(({ line }) => line)).toEqual([2, 3, 4, 8, 9]);
    expect(rowsOf(items)).toEqual([
      ['1', '2'],
      ['3', '4'],
      ['5', '6\r7\n8\r\n9'],
      ['10', '11'],
      ['12', '13'],
    ]);
  });

  it.each(['\n', '\r\n', '\r', ''])('reads a last row that ends with %j', async (ending) => {
    const { items, end } = await readFile(`a,b\n1,"2"${ending}`);

    expect(rowsOf(items)).toEqual([['1', '2']]);
    expect(end.byteOffset).toBe(9 + ending.length);
  });

  it('keeps a stray quote in an unquoted field, and text behind a closing quote, unchanged', async () => {
    const { items } = await readFile('size,name\n5" pipe,6"\n"quoted" and not,"x" \n');

    expect(rowsOf(items)).toEqual([
      ['5" pipe', '6"'],
      ['"quoted" and not', '"x" '],
    ]);
  });

  it('keeps white space around values', async () => {
    expect(rowsOf((await readFile('a,b\n 1 ,\t2\n')).items)).toEqual([[' 1 ', '\t2']]);
  });

  it('reads all of Windows-1252', async () => {
    const { format, items } = await readFile(encode('naïve,€\n“x”,Š™…\n', 'windows-1252'));

    expect(format).toMatchObject({ encoding: 'windows-1252', columns: ['naïve', '€'] });
    expect(rowsOf(items)).toEqual([['“x”', 'Š™…']]);
  });

  it('is not misled by UTF-16 units whose halves look like quotes and delimiters', async () => {
    const text = '\ufeffa,b\n∀Ā,Ⰰ\n"ਊ",∀Ā\n';
    for (const encoding of ['utf-16le', 'utf-16be'] as const) {
      const { items } = await readFile(encode(text, encoding));
      expect(rowsOf(items)).toEqual([
        ['∀Ā', 'Ⰰ'],
        ['ਊ', '∀Ā'],
      ]);
    }
  });

  it('removes U+0000 and lone surrogates', async () => {
    const { items } = await readFile(encode('\ufeffa,b\nx\0y,\ud83c\n"\0",\udf77z\n', 'utf-16be'));

    expect(rowsOf(items)).toEqual([
      ['xy', '\ufffd'],
      ['', '\ufffdz'],
    ]);
    expect(rowsOf((await readFile('\ufeffa\n1\0')).items)).toEqual([['1']]);
  });
});

describe('readCsv: rejections', () => {
  it('rejects lines with too few or too many fields, with the line number and a reason', async () => {
    const { items, end } = await readFile('a,b,c\n1,2\n1,2,3\n"x\ny",2,3,4,5\nz\n');

    expect(rejectionsOf(items)).toEqual([
      'line 2: has 2 fields instead of 3',
      'line 4: has 5 fields instead of 3',
      'line 6: has 1 field instead of 3',
    ]);
    expect(end).toEqual({ byteOffset: 32, line: 7, rows: 1, rejected: 3 });
  });

  it('rejects empty lines between rows, as one item per run', async () => {
    const { items, end } = await readFile('a,b\n\n1,2\n\r\n \t\n\n3,4\n');

    expect(items.filter(({ kind }) => kind === 'rejected')).toEqual([
      { kind: 'rejected', line: 2, count: 1, reason: 'empty line', isEmpty: true },
      { kind: 'rejected', line: 4, count: 3, reason: '3 empty lines', isEmpty: true },
    ]);
    expect(end).toMatchObject({ rows: 2, rejected: 4 });
  });

  it('does not reject empty lines at the end of the file', async () => {
    for (const ending of ['\n', '\n\n\n', '\r\n\r\n', '\n  \n\t', '\n\0\0\0']) {
      expect((await readFile(`a,b\n1,2${ending}`)).items).toHaveLength(1);
    }
  });

  it('tells an empty value in a file with one column from an empty line by its quotes', async () => {
    const { items } = await readFile('a\n""\n\n" "\n"\n"\n""');

    expect(rowsOf(items)).toEqual([[''], [' '], ['\n'], ['']]);
    expect(rejectionsOf(items)).toEqual(['line 3: empty line']);
  });

  it('keeps lines of only delimiters, which are rows of empty values', async () => {
    expect(rowsOf((await readFile('a,b\n,\n')).items)).toEqual([['', '']]);
  });
});

describe('readCsv: quotes that are not closed', () => {
  it('rejects the line and goes on with the next', async () => {
    const { items } = await readFile('a,b\n1,"two\n3,4\n5,6\n');

    expect(rejectionsOf(items)).toEqual(['line 2: has a quote that is opened but not closed']);
    expect(rowsOf(items)).toEqual([
      ['3', '4'],
      ['5', '6'],
    ]);
  });

  it('does not take the next quote in the file for the closing quote', async () => {
    const { items } = await readFile('a,b,c\n1,"x,y\n2,"z",w\n3,4,5\n');

    expect(rejectionsOf(items)).toEqual(['line 2: has a quote that is opened but not closed']);
    expect(rowsOf(items)).toEqual([
      ['2', 'z', 'w'],
      ['3', '4', '5'],
    ]);
  });

  it('rejects all lines of a record up to the line with the quote', async () => {
    const { items } = await readFile('a,b\n"1\n1","two\n3,4\n');

    expect(items).toEqual([
      { kind: 'rejected', line: 2, count: 1, reason: 'has a quote that is opened but not closed' },
      { kind: 'row', line: 4, values: ['3', '4'] },
    ]);
  });

  it('accepts quoted values that begin with a quote and span lines', async () => {
    const { items } = await readFile('a,b\n"""x""\ny",1\n"""\n""",2\n');

    expect(rowsOf(items)).toEqual([
      ['"x"\ny', '1'],
      ['"\n"', '2'],
    ]);
  });
});
