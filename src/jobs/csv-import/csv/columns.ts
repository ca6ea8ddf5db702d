/** Makes the names of the columns from the header row. */
import { CsvFormatError } from './format-error.ts';

/**
 * More columns than in any table that people read. The limit matters, as each checkpoint contains all the
 * names.
 */
const maxColumns = 1_000;
/** Counted in code points. */
const maxColumnNameLength = 200;

/**
 * Makes column names from a header row: trimmed (a stray byte order mark counts as white space), and all
 * different, so that each can be a key of a JSON object. An empty name in the third place becomes `column_3`;
 * a second `name` becomes `name_2`. A made-up name is never one that the header row contains.
 *
 * @throws {CsvFormatError} for more than 1,000 columns or a name of more than 200 characters
 */
export function columnNames(header: readonly string[]): string[] {
  if (header.length > maxColumns) {
    throw new CsvFormatError(
      'csv_too_many_columns',
      `The header row has ${header.length} columns; at most ${maxColumns} can be imported.`,
    );
  }
  const written = header.map((name) => name.trim());
  written.forEach(refuseLongName);

  const reserved = new Set(written);
  const taken = new Set<string>();
  return written.map((name, index) => {
    const unique = name !== '' && !taken.has(name) ? name : freeName(name, index, reserved, taken);
    taken.add(unique);
    return unique;
  });
}

function freeName(name: string, index: number, reserved: Set<string>, taken: Set<string>): string {
  const isFree = (candidate: string) => !reserved.has(candidate) && !taken.has(candidate);
  const byPlace = `column_${index + 1}`;
  if (name === '' && isFree(byPlace)) return byPlace;
  const base = name === '' ? byPlace : name;
  let number = 2;
  while (!isFree(`${base}_${number}`)) number++;
  return `${base}_${number}`;
}

function refuseLongName(name: string, index: number): void {
  const length = [...name].length;
  if (length <= maxColumnNameLength) return;
  throw new CsvFormatError(
    'csv_column_name_too_long',
    `The name of column ${index + 1} has ${length} characters; at most ${maxColumnNameLength} are allowed. ` +
      'Does the file begin with a header row?',
  );
}
