/** Detects the encoding of a file by its byte order mark, or else by its other bytes. */
import { isAscii, isUtf8 } from 'node:buffer';
import { blocksOf } from './source.ts';

/** The encodings in which spreadsheets and databases write CSV, by their WHATWG names. */
export type CsvEncoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

export interface DetectedEncoding {
  encoding: CsvEncoding;
  /**
   * Length of the byte order mark at the start of the file: 0, 2 or 3; more if the file begins with several.
   */
  bomBytes: number;
}

/** Byte order marks: The Unicode Standard, section 23.8, table 23-6. */
const byteOrderMarks: readonly { mark: Buffer; encoding: CsvEncoding }[] = [
  { mark: Buffer.of(0xef, 0xbb, 0xbf), encoding: 'utf-8' },
  { mark: Buffer.of(0xff, 0xfe), encoding: 'utf-16le' },
  { mark: Buffer.of(0xfe, 0xff), encoding: 'utf-16be' },
];

const detectionBlockBytes = 64 * 1024;

/**
 * Finds the encoding of a file in one pass over its bytes, with constant memory. Reads no further than
 * needed.
 *
 * 1. A byte order mark decides, because the writer has named the encoding. Bytes after a UTF-8 mark that are
 *    not valid UTF-8 are damage and become U+FFFD; they are no reason to read the whole file in another
 *    encoding.
 * 2. UTF-16 without a mark is recognised by zero bytes in the first 64 KB: each delimiter, digit and line
 *    break has one, always on the same side of the pair. Text in the other encodings has none.
 * 3. A file is UTF-8 if it has more valid multi-byte characters than invalid bytes; the invalid bytes are
 *    damage. Text in other encodings hardly ever looks like UTF-8 by chance (RFC 3629, section 1).
 * 4. Any other file is Windows-1252, in which every byte is a character.
 */
export async function detectEncoding(source: AsyncIterable<Buffer>): Promise<DetectedEncoding> {
  let isFirst = true;
  let carried: Buffer = Buffer.alloc(0);
  const seen = { valid: 0, invalid: 0 };
  for await (const block of blocksOf(source, detectionBlockBytes)) {
    if (isFirst) {
      const known = byteOrderMark(block) ?? utf16ByZeroBytes(block);
      if (known !== undefined) return known;
      isFirst = false;
    }
    const bytes = carried.length > 0 ? Buffer.concat([carried, block]) : block;
    const whole = bytes.length - unfinishedBytes(bytes);
    count(bytes.subarray(0, whole), seen);
    // Damage is rare: so many invalid bytes mean that the text is in another encoding.
    if (seen.invalid > 1000 && seen.invalid > 4 * seen.valid) break;
    carried = bytes.subarray(whole);
  }
  // The file ends within a UTF-8 sequence. A single lead byte may be a letter of Windows-1252, but a lead
  // byte with a continuation byte hardly is.
  if (carried.length > 1) seen.valid += 1;
  else seen.invalid += carried.length;
  const isUtf8Text = seen.invalid === 0 || seen.valid > seen.invalid;
  return { encoding: isUtf8Text ? 'utf-8' : 'windows-1252', bomBytes: 0 };
}

/**
 * Adds the number of invalid bytes to `invalid`, and to `valid` the difference between the lengths of the
 * bytes and of the decoded text, which is at least the number of multi-byte characters.
 */
function count(bytes: Buffer, seen: { valid: number; invalid: number }): void {
  if (isAscii(bytes)) return;
  const text = bytes.toString('utf8');
  seen.valid += bytes.length - text.length;
  if (!isUtf8(bytes)) seen.invalid += text.split('\ufffd').length - 1;
}

/**
 * Accepts several marks in a row: programs that join files leave a second mark, which is no part of the text
 * either.
 */
function byteOrderMark(bytes: Buffer): DetectedEncoding | undefined {
  const found = byteOrderMarks.find(({ mark }) => bytes.subarray(0, mark.length).equals(mark));
  if (found === undefined) return undefined;
  const { encoding, mark } = found;
  let bomBytes = 0;
  while (bytes.subarray(bomBytes, bomBytes + mark.length).equals(mark)) bomBytes += mark.length;
  return { encoding, bomBytes };
}

/** Only a tenth, because Chinese text has zero bytes only in its delimiters, digits and line breaks. */
const leastZeroShare = 0.1;
const leastLead = 4;

function utf16ByZeroBytes(bytes: Buffer): DetectedEncoding | undefined {
  const pairs = bytes.length >> 1;
  let first = 0;
  let second = 0;
  for (let at = 0; at < pairs * 2; at += 2) {
    if (bytes[at] === 0) first++;
    if (bytes[at + 1] === 0) second++;
  }
  const least = pairs * leastZeroShare;
  if (second > least && second > first * leastLead && hasUnitLineBreaks(bytes, 0)) {
    return { encoding: 'utf-16le', bomBytes: 0 };
  }
  if (first > least && first > second * leastLead && hasUnitLineBreaks(bytes, 1)) {
    return { encoding: 'utf-16be', bomBytes: 0 };
  }
  return undefined;
}

/**
 * Whether all line breaks are UTF-16 units, whose other byte is zero; true if there are no line breaks.
 * Without this check, a stray zero byte in a short file of another encoding would make the file UTF-16.
 * @param side which byte of a pair holds the line break, and not the zero
 */
function hasUnitLineBreaks(bytes: Buffer, side: 0 | 1): boolean {
  let units = 0;
  let others = 0;
  for (let at = 0; at + 1 < bytes.length; at += 2) {
    const [half, other] = [bytes[at + side], bytes[at + 1 - side]];
    if (half === 0x0a || half === 0x0d) other === 0 ? units++ : others++;
    if (other === 0x0a || other === 0x0d) others++;
  }
  return units > 0 || others === 0;
}

/**
 * How many bytes at the end belong to a UTF-8 sequence (RFC 3629, section 3) that continues in the next
 * block.
 */
function unfinishedBytes(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte >= 0xc0) return sequenceLength(byte) > back ? back : 0;
    if (byte < 0x80) return 0;
  }
  return 0;
}

function sequenceLength(lead: number): number {
  if (lead >= 0xf0) return 4;
  return lead >= 0xe0 ? 3 : 2;
}
