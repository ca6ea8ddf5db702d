import { describe, expect, it } from 'vitest';
import { detectDelimiter, noDelimiter } from '../../../../src/jobs/csv-import/csv/delimiter.ts';

const delimiterOf = (text: string) => detectDelimiter(text, { isWhole: true }).delimiter;

describe('detectDelimiter', () => {
  it.each([
    [',', 'a,b,c\n1,2,3\n'],
    [';', 'a;b;c\r\n1;2;3\r\n'],
    ['\t', 'a\tb\tc\r1\t2\t3'],
    ['|', 'a|b|c\n1|2|3\n'],
  ])('finds %j', (delimiter, text) => {
    expect(delimiterOf(text)).toBe(delimiter);
  });

  it.each([
    ['decimal commas', ';', 'id;price;weight\n1;2,50;3,00\n2;1,75;2,00\n'],
    ['more commas than semicolons', ';', 'id;note\n1;a, b, c, d\n2;a, b\n3;none\n'],
    ['delimiters inside quotes', ';', 'id;note\n"1,1,1";"a,b"\n"2,2,2";"c,d"\n'],
    ['line breaks inside quotes', ',', 'id,note\n1,"a;b\nc;d"\n2,"e;f\ng;h"\n'],
    ['escaped quotes', ',', 'id,note\n1,"say ""a;b;c"" twice"\n2,"x"\n'],
    ['a stray quote', ',', 'id,size\n1,5" pipe\n2,6" pipe\n'],
    ['a ragged line', ';', 'a;b;c\n1,0;2;3\n1,0;2\n1,0;2;3\n'],
    ['a title above the header', ';', 'Sales, all shops\na;b;c\n1;2;3\n4;5;6\n'],
    ['empty lines', ';', '\n\na;b\n\n1;2\n\n'],
    ['a header row alone', '\t', 'a\tb'],
  ])('is not misled by %s', (_, delimiter, text) => {
    expect(delimiterOf(text)).toBe(delimiter);
  });

  it.each([
    '',
    'name\nAnna\nBen\n',
    '\n\n',
    'path\na|b\nc|d\n',
    'name\nL, Ada\nT, Alan\n',
    'full name\nL, Ada\nT, Alan\n',
    'note\nHello, world\nnothing\na, b, c; d\n',
    'price\n1,50\n2,25\n',
  ])('finds none in a file with one column, whatever its values have: %j', (text) => {
    expect(delimiterOf(text)).toBe(noDelimiter);
  });

  it.each([
    [',', 'Sales report 2026\na,b\n1,2\n3,4\n'],
    [';', 'Report\na;b;c\n1;2;3\n4;5;6\n'],
    ['\t', 'Sales, all shops\na\tb\n1\t2\n3\t4\n'],
  ])('finds %j below a title', (delimiter, text) => {
    expect(delimiterOf(text)).toBe(delimiter);
  });

  it.each([
    ['sep=;\r\na;b\r\n', ';', 7],
    ['SEP=|\na|b', '|', 6],
    ['"sep=\t"\ra\tb', '\t', 8],
    ['sep=:\na:b', ':', 6],
  ])('honours and skips the line of Excel: %j', (text, delimiter, skippedChars) => {
    expect(detectDelimiter(text, { isWhole: true })).toEqual({ delimiter, skippedChars });
  });

  it('does not count a record that is cut off', () => {
    expect(detectDelimiter('a;b;c\n1;2,5;3\n4;5,5,5,5,5', { isWhole: false }).delimiter).toBe(';');
    expect(detectDelimiter('a;b;c', { isWhole: false }).delimiter).toBe(';');
  });
});
