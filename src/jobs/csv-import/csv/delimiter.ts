/** The character that separates the fields, and the length of the text before the first record. */
export interface DetectedDelimiter {
  delimiter: string;
  /** The length of Excel's `sep=;` line with its line break, all in ASCII; 0 if there is no such line. */
  skippedChars: number;
}

/** When all else is equal, the first of these wins. */
const candidates = [',', ';', '\t', '|'] as const;
const recordsLookedAt = 100;

/**
 * A count that the header shares counts for this much more, as a share of all records: a header has no
 * decimal commas, but the rows may have them.
 */
const headerWeight = 0.1;

/** The delimiter of a file with one column: the unit separator of ASCII, which does not occur in text. */
export const noDelimiter = '\x1f';

/**
 * When at least this share of records form a table that the first line does not fit, the first line is a
 * title.
 */
const titleShare = 0.9;

/**
 * The delimiter that `sep=` names may be any ASCII character except a quote and control characters; tab is
 * allowed.
 */
const sepLinePattern = /^"?sep=([\t !#-~])"?(?:\r\n|\n|\r)/i;

/**
 * Finds the delimiter from the start of a file's text (64 KB are plenty), without its byte order mark.
 *
 * A first line `sep=;`, which Excel writes and reads, decides. Otherwise each candidate is counted outside
 * quotes, record by record. Only candidates that the first line contains can win. The winner is the candidate
 * whose most common count holds for the greatest share of records, and among equals the one with the higher
 * count.
 *
 * If the first line contains no candidate, the file has one column: characters below that look like a
 * delimiter belong to values (`path`, `a|b`). There is one exception. If nearly all other lines are rows of a
 * table, the first line must be a title. The result is then the delimiter of the table, so that no row fits
 * and the importer can tell why.
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
  // A title may contain a comma, too. But a table has its delimiter in nearly every line.
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
 * Whether the lines below the first are rows of a table with this delimiter, and not values of one column
 * that happen to contain the character equally often. Two signs tell of such values: each character is
 * followed by a blank (`L, Ada`), or each line has one of them (`a|b`) and the first line is a single word.
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
      // A pair of quotes ("") needs no special case: the first one closes the quotes, and the next position
      // counts as the start of a field, so that the second one opens them again.
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
  // If the text ends within the first record, there is nothing else to count.
  const isLastCounted = isWhole || counts.length === 0;
  if (isLastCounted && !isEmpty && counts.length < recordsLookedAt) counts.push(count);
  return counts;
}
