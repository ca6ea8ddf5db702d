/** Quotes that were never closed, in records that csv-parse took for whole. */
import { parse } from 'csv-parse/sync';
import type { CsvEncoding } from './encoding.ts';
import { hasLineBreak } from './line-breaks.ts';
import { parserOptions } from './record-parser.ts';

/**
 * Offset, within the bytes of one record, of the last field whose quotes do not match although it spans lines.
 *
 * csv-parse takes text after a closing quote as part of the field (relax_quotes), so a quote that was never closed
 * ends at the next quote of the file, and the lines between are one record with perhaps even the right number of
 * fields: `1,"a,x⏎2,"b",y` has three. Such a record must not pass for a row.
 *
 * Costs a second parse of the record, so ask only about those with a value that begins with a quote (as relaxed ones
 * do) and spans lines.
 */
export function lastMismatchedField(
  record: Buffer,
  encoding: CsvEncoding,
  delimiter: string,
): number | undefined {
  let fieldStart = 0;
  let found: number | undefined;
  parse(record, {
    ...parserOptions(encoding, delimiter),
    cast(value, { bytes: fieldEnd }) {
      if (isMismatched(record.toString('latin1', fieldStart, fieldEnd))) found = fieldStart;
      fieldStart = fieldEnd + delimiter.length;
      return value;
    },
  });
  return found;
}

/** RFC 4180, section 2, rules 5 to 7: a field that begins with a quote ends with one, and has only pairs between. */
function isMismatched(field: string): boolean {
  if (!field.startsWith('"') || !hasLineBreak(field)) return false;
  return !field.endsWith('"') || field.slice(1, -1).replaceAll('""', '').includes('"');
}
