/** Finds quotes that were never closed in records that csv-parse has accepted. */
import { parse } from 'csv-parse/sync';
import type { CsvEncoding } from './encoding.ts';
import { hasLineBreak } from './line-breaks.ts';
import { parserOptions } from './record-parser.ts';

/**
 * Offset, within the bytes of one record, of the last field that spans lines and whose quotes do not match.
 *
 * With relax_quotes, csv-parse accepts text after a closing quote as part of the field. So a quote that was
 * never closed ends at the next quote of the file, and all lines between become one record, perhaps even with
 * the right number of fields: `1,"a,x⏎2,"b",y` has three. Such a record must not count as a row.
 *
 * This function parses the record a second time. Call it only for records with a value that spans lines and
 * begins with a quote, as the values do that csv-parse has accepted in this way.
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

/**
 * RFC 4180, section 2, rules 5 to 7: a field that begins with a quote ends with one, with only pairs in
 * between.
 */
function isMismatched(field: string): boolean {
  if (!field.startsWith('"') || !hasLineBreak(field)) return false;
  return !field.endsWith('"') || field.slice(1, -1).replaceAll('""', '').includes('"');
}
