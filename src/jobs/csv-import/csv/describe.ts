/** Describes how a file was read, for the person who sent it. */
import { cleanseAndCut } from '../../../tasks/model/text.ts';
import { noDelimiter } from './delimiter.ts';
import type { CsvFormat } from './format.ts';
import { firstBytes } from './source.ts';

const delimiterNames: Readonly<Record<string, string>> = {
  ',': 'a comma',
  ';': 'a semicolon',
  '\t': 'a tab',
  '|': 'a vertical bar',
};
const shownColumns = 5;
const shownLines = 3;
const shownLineLength = 100;
const sampleBytes = 4000;

/** A sentence, without its full stop, on the delimiter, header and encoding that were detected. */
export function describeFormat({ delimiter, columns, encoding }: CsvFormat): string {
  const shown = columns.slice(0, shownColumns).map((name) => JSON.stringify(cleanseAndCut(name, 40)));
  const names = `${shown.join(', ')}${columns.length > shownColumns ? ', …' : ''}`;
  const header =
    delimiter === noDelimiter
      ? `The first line was taken for the header of a single column, ${names}`
      : `${delimiterNames[delimiter] ?? JSON.stringify(delimiter)} was taken for the delimiter, and the first line for the header, which names ${columns.length} columns: ${names}`;
  return `${header.charAt(0).toUpperCase()}${header.slice(1)}; the encoding is ${encoding}`;
}

/** The first three lines of a file, quoted, each cut to 100 characters. */
export async function beginningOf(
  file: { read(fromByte: number): AsyncIterable<Buffer> },
  { encoding, bomBytes }: CsvFormat,
): Promise<string> {
  const bytes = await firstBytes(file.read(bomBytes), sampleBytes);
  const lines = new TextDecoder(encoding, { ignoreBOM: true })
    .decode(bytes)
    .split(/\r\n|\n|\r/)
    .filter((line) => line.trim() !== '');
  return lines
    .slice(0, shownLines)
    .map((line) => JSON.stringify(cleanseAndCut(line, shownLineLength)))
    .join(', ');
}
