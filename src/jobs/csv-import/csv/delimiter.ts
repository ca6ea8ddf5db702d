/** What separates the fields, and how much of the text comes before the first record. */
export interface DetectedDelimiter {
  delimiter: string;
  /** Characters of Excel's `sep=;` line, its line break included; all ASCII. 0 where there is none. */
  skippedChars: number;
}

/** In the order in which they win when nothing else decides. */
const candidates = [',', ';', '\t', '|'] as const;
const recordsLookedAt = 100;

/** How much the header's agreement counts, as a share of all records: it has no decimal commas, they have. */
const headerWeight = 0.1;

/** Stands for the delimiter of a file with one column: the unit separator of ASCII, which no text has. */
export const noDelimiter = '\x1f';

/** From this share of records on, a table below a first line that does not fit it is taken for one with a title. */
const titleShare = 0.9;

/** One ASCII character that is not a quote or a control character, except tab. */
const sepLinePattern = /^"?sep=([\t !#-~])"?(?:\r\n|\n|\r)/i;

/**
 * Finds the delimiter from the start of a file's text (64 KB are plenty), without its byte order mark.
 *
 * The line `sep=;`, which Excel writes and reads, decides. Otherwise each candidate is counted outside quotes, record
 * by record, and of those that the first line has, that wins whose most common count holds for the greatest share of
 * records; then the one with the higher count. Where the first line has none of them, the file has one column, and
 * what looks like a delimiter below belongs to its values (`path`, `a|b`); unless nearly all other lines are rows of a
 * table, below what then must be a title: its delimiter is answered, so that no row fits and the importer can say why.
 *
 * @param isWhole whether the text is the whole file; otherwise its last record is cut off and not counted
 */
export function detectDelimiter(text: string, { isWhole }: { isWhole: boolean }): DetectedDelimiter {
  const [sepLine, named] = sepLinePattern.exec(text) ?? [];
  if (sepLine !== undefined && named !== undefined) return { delimiter: named, skippedChars: sepLine.length };

  const counted = candidates.map((delimiter) => {
    const counts = countsByRecord(text, delimiter, isWhole);
    return { delimiter, isInHeader: (counts[0] ?? 0) > 0, counts, ...consistency(counts) };
  });
  const inHeader = counted.filter(({ isInHeader }) => isInHeader);
  const best = bestOf(inHeader);
  const belowTitle = bestOf(
    counted.filter(({ delimiter, counts, isInHeader }) => !isInHeader && isTable(text, delimiter, counts)),
  );
  // A title may have a comma of its own; a table has its delimiter in nearly every line.
  const hasTitle = belowTitle !== undefined && (best === undefined || best.score < 0.5);
  const { delimiter } = (hasTitle ? belowTitle : best) ?? { delimiter: noDelimiter };
  return { delimiter, skippedChars: 0 };
}

interface Counted {
  delimiter: string;
  score: number;
  count: number;
}

function bestOf<C extends Counted>(all: readonly C[]): C | undefined {
  return all.toSorted((a, b) => b.score - a.score || b.count - a.count)[0];
}

/**
 * Whether the lines below the first are rows of a table with this delimiter, rather than values of one column that
 * have the same number of such characters: `L, Ada` has a blank behind each, and `a|b` stands below one word.
 */
function isTable(text: string, delimiter: string, [, ...below]: readonly number[]): boolean {
  const { score, count } = consistency(below);
  if (below.length < 2 || score < titleShare) return false;
  const header = text.trimStart().split(/[\r\n]/, 1)[0] ?? '';
  const isOneWord = !/\s/.test(header.trim());
  if (count === 1 && isOneWord) return false;
  return text
    .split(delimiter)
    .slice(1)
    .some((after) => !/^[ \t]/.test(after));
}

/** The most common count above 0, and the share of records that have it. */
function consistency(counts: number[]): { score: number; count: number } {
  const frequencies = new Map<number, number>();
  for (const count of counts) if (count > 0) frequencies.set(count, (frequencies.get(count) ?? 0) + 1);
  let best = { score: 0, count: 0 };
  for (const [count, frequency] of frequencies) {
    const score = frequency / counts.length + (counts[0] === count ? headerWeight : 0);
    if (score > best.score || (score === best.score && count > best.count)) best = { score, count };
  }
  return best;
}

/** How often the delimiter stands outside quotes in each of the first records that are not empty. */
function countsByRecord(text: string, delimiter: string, isWhole: boolean): number[] {
  const counts: number[] = [];
  let count = 0;
  let isQuoted = false;
  let isFieldStart = true;
  let isEmpty = true;
  for (let at = 0; at < text.length && counts.length < recordsLookedAt; at++) {
    const char = text[at];
    if (isQuoted) {
      // Of a pair of quotes the first ends the quotes and the second, at what then is a field start, resumes them.
      isQuoted = char !== '"';
      isFieldStart = !isQuoted;
    } else if (char === '"' && isFieldStart) {
      isQuoted = true;
      isEmpty = false;
    } else if (char === '\n' || char === '\r') {
      if (!isEmpty) counts.push(count);
      count = 0;
      isFieldStart = true;
      isEmpty = true;
    } else {
      if (char === delimiter) count++;
      isFieldStart = char === delimiter;
      // A line of tabs says nothing about tabs: it may be white space.
      isEmpty = isEmpty && char?.trim() === '';
    }
  }
  // Of a file whose first line is longer than the text there is nothing else to count.
  const isLastCounted = isWhole || counts.length === 0;
  if (isLastCounted && !isEmpty && counts.length < recordsLookedAt) counts.push(count);
  return counts;
}
