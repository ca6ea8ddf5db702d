import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columnNames } from '../../../../src/jobs/csv-import/csv/columns.ts';
import { CsvFormatError } from '../../../../src/jobs/csv-import/csv/format-error.ts';

describe('columnNames', () => {
  it('trims names, stray byte order marks included', () => {
    expect(columnNames(['\ufeff id ', '\tname', '\u00a0city'])).toEqual(['id', 'name', 'city']);
  });

  it('names columns without a name by their place', () => {
    expect(columnNames(['id', 'name', '', ' '])).toEqual(['id', 'name', 'column_3', 'column_4']);
    expect(columnNames([''])).toEqual(['column_1']);
  });

  it('numbers duplicates, but never gives a column a name that the header row contains', () => {
    expect(columnNames(['name', 'name', 'name'])).toEqual(['name', 'name_2', 'name_3']);
    expect(columnNames(['name', 'name', 'name_2'])).toEqual(['name', 'name_3', 'name_2']);
    expect(columnNames(['', 'column_1'])).toEqual(['column_1_2', 'column_1']);
  });

  it('gives every column a name of its own', () => {
    const names = fc.array(fc.constantFrom('', 'a', 'a_2', 'column_1', 'column_2', 'a_2_2', '__proto__'));
    fc.assert(
      fc.property(names, (header) => {
        const columns = columnNames(header);

        expect(new Set(columns).size).toBe(header.length);
        expect(columns).not.toContain('');
      }),
    );
  });

  it('refuses more than 1,000 columns', () => {
    expect(columnNames(Array(1000).fill(''))).toHaveLength(1000);
    expect(() => columnNames(Array(1001).fill(''))).toThrow(
      new CsvFormatError(
        'csv_too_many_columns',
        'The header row has 1001 columns; at most 1000 can be imported.',
      ),
    );
  });

  it('refuses names of more than 200 characters', () => {
    expect(columnNames(['🍷'.repeat(200)])).toHaveLength(1);
    expect(() => columnNames(['id', 'x'.repeat(201)])).toThrow(
      /name of column 2 has 201 characters; at most 200/,
    );
  });
});
