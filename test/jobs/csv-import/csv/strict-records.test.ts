/** The reader of strict records agrees with csv-parse on every record that it reads. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CsvEncoding } from '../../../../src/jobs/csv-import/csv/encoding.ts';
import { startParser } from '../../../../src/jobs/csv-import/csv/record-parser.ts';
import { strictReader } from '../../../../src/jobs/csv-import/csv/strict-records.ts';
import { textOf } from '../../../../src/jobs/csv-import/csv/text.ts';
import { cleanseText } from '../../../../src/tasks/model/text.ts';

/** Mostly what the syntax knows, with halves of characters and bytes that are no characters. */
const bytes = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...Buffer.from('"",,\r\n ')) },
      { weight: 1, arbitrary: fc.constantFrom(...Buffer.from('aé🍷'), 0x00, 0x80, 0xff) },
    ),
    { maxLength: 40 },
  )
  .map((values) => Buffer.from(values));

function readByCsvParse(encoding: CsvEncoding, content: Buffer) {
  const toText = textOf(encoding);
  const parser = startParser(encoding, ',', 0);
  // csv-parse holds its last bytes back until more follow.
  const records = parser.feed(Buffer.concat([content, Buffer.from('\n'.repeat(8))]));
  return records.map(({ values, end }) => ({
    values: values.map((value) => cleanseText(toText(value))),
    end,
  }));
}

describe('strictReader', () => {
  it.each<CsvEncoding>(['utf-8', 'windows-1252'])('reads records as csv-parse does: %s', (encoding) => {
    fc.assert(
      fc.property(bytes, (content) => {
        const { records } = strictReader(encoding, ',')(content);

        const expected = readByCsvParse(encoding, content).slice(0, records.length);
        expect(records.map(({ values, end }) => ({ values, end }))).toEqual(expected);
      }),
      { numRuns: 3_000 },
    );
  });

  it('reads up to the record that is not strict, and says so', () => {
    const { records, isRefused } = strictReader(
      'utf-8',
      ',',
    )(Buffer.from('1,"a ""b"""\n2,5" pipe\n3,"c"d\n4,e\n'));

    expect(records.map(({ values }) => values)).toEqual([
      ['1', 'a "b"'],
      ['2', '5" pipe'],
    ]);
    expect(isRefused).toBe(true);
  });

  it.each(['1,a', '1,"a', '1,"a"', '1,a\r'])('leaves a record that may go on: %j', (content) => {
    expect(strictReader('utf-8', ',')(Buffer.from(content))).toEqual({ records: [], isRefused: false });
  });
});
