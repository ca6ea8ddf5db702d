/** Rows that fit the columns although RFC 4180 would write them in another way. */
import { describe, expect, it } from 'vitest';
import { readFile, rejectionsOf, rowsOf } from './support.ts';

describe('empty fields at the end of a line', () => {
  it.each([
    ['in every line but the header', 'a,b\n1,2,\n3,4,\n', 2],
    ['in some lines', 'a,b\n1,2,,,\n3,4\n', 2],
    ['of blanks', 'a,b\n1,2, \n3,4\n', 2],
    ['that the header has, and the lines leave out', 'a,b,,\n1,2\n3,4,\n', 4],
  ])('fit: %s', async (_, text, columns) => {
    const { format, items } = await readFile(text);

    expect(format.columns).toHaveLength(columns);
    expect(rowsOf(items).map((values) => values.slice(0, 2))).toEqual([
      ['1', '2'],
      ['3', '4'],
    ]);
    expect(rowsOf(items).every((values) => values.length === columns)).toBe(true);
  });

  it('neither hide a value without a column nor a missing value of a named column', async () => {
    const { items } = await readFile('a,b,c,\n1,2\n1,2,3,4,5\n1,2,3,,x\n1,2,3\n');

    expect(rejectionsOf(items)).toEqual([
      'line 2: has 2 fields instead of 4',
      'line 3: has 5 fields instead of 4',
      'line 4: has 5 fields instead of 4',
    ]);
    expect(rowsOf(items)).toEqual([['1', '2', '3', '']]);
  });
});

describe('blanks around quotes', () => {
  it.each([
    ['before', 'a,b\n1, "x"\n', ['1', 'x']],
    ['behind', 'a,b\n"1" ,"x"  \n', ['1', 'x']],
    ['around a delimiter', 'a,b\n1, "x, y" \n', ['1', 'x, y']],
    ['around quotes in pairs', 'a,b\n1, "say ""x"", y"\n', ['1', 'say "x", y']],
    ['at a tab', 'a\tb\n1\t "x"\n', ['1', 'x']],
    ['at the end of the file', 'a,b\n1, "x"', ['1', 'x']],
    ['around nothing', 'a,b\n1, ""\n', ['1', '']],
  ])('are no part of the value: %s', async (_, text, values) => {
    expect(rowsOf((await readFile(text)).items)).toEqual([values]);
  });

  it('in the header are not part of a name, and neither is a second byte order mark', async () => {
    const { format } = await readFile('\ufeff\ufeff"id", "name, first" ,b\n1,2,3\n');

    expect(format.columns).toEqual(['id', 'name, first', 'b']);
  });

  it.each([
    ['around words', 'a,b\n 1 , x y \n', [' 1 ', ' x y ']],
    ['within quotes', 'a,b\n" 1"," ""x"""\n', [' 1', ' "x"']],
    ['before quotes inside a value', 'a,b\n1, 5" pipe\n', ['1', ' 5" pipe']],
    ['before quotes that do not match', 'a,b\n1, "x" y\n', ['1', ' "x" y']],
  ])('stay where they belong to the value: %s', async (_, text, values) => {
    expect(rowsOf((await readFile(text)).items)).toEqual([values]);
  });
});

it('rows with characters that cannot be read are marked as damaged', async () => {
  const file = Buffer.concat([Buffer.from('a,b\né,1\né,2\n'), Buffer.of(0xff), Buffer.from(',3\né,4\n')]);

  const { items } = await readFile(file);

  expect(items.map((item) => item.kind === 'row' && [item.line, item.values, item.isDamaged])).toEqual([
    [2, ['é', '1'], undefined],
    [3, ['é', '2'], undefined],
    [4, ['\ufffd', '3'], true],
    [5, ['é', '4'], undefined],
  ]);
});
