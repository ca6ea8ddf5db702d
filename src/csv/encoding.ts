/** Which encoding a file is in: by its byte order mark, else by its bytes. */
import { isUtf8 } from 'node:buffer';
import { blocksOf } from './source.ts';

/** The encodings in which spreadsheets and databases write CSV, by their WHATWG names. */
export type CsvEncoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

export interface DetectedEncoding {
  encoding: CsvEncoding;
  /** Length of the byte order mark at the start of the file: 0, 2 or 3. */
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
 * Finds the encoding of a file in one pass over its bytes, with constant memory, reading no further than needed.
 *
 * 1. A byte order mark decides. The writer named its encoding: bytes after a UTF-8 mark that are not UTF-8 are
 *    damage, read as U+FFFD, and not a reason to read the whole file as something else.
 * 2. UTF-16 without a mark shows by its zero bytes in the first 64 KB: delimiters, digits and line breaks have
 *    one each, always on the same side; text in the other encodings has none.
 * 3. Valid UTF-8 to the last byte is UTF-8: other encodings hardly ever look so by chance (RFC 3629, section 1).
 *    Anything else is Windows-1252, in which every byte means something.
 */
export async function detectEncoding(source: AsyncIterable<Buffer>): Promise<DetectedEncoding> {
  let isFirst = true;
  let carried: Buffer = Buffer.alloc(0);
  for await (const block of blocksOf(source, detectionBlockBytes)) {
    if (isFirst) {
      const known = byteOrderMark(block) ?? utf16ByZeroBytes(block);
      if (known !== undefined) return known;
      isFirst = false;
    }
    const bytes = carried.length > 0 ? Buffer.concat([carried, block]) : block;
    const whole = bytes.length - unfinishedBytes(bytes);
    if (!isUtf8(bytes.subarray(0, whole))) return { encoding: 'windows-1252', bomBytes: 0 };
    carried = bytes.subarray(whole);
  }
  return { encoding: carried.length === 0 ? 'utf-8' : 'windows-1252', bomBytes: 0 };
}

function byteOrderMark(bytes: Buffer): DetectedEncoding | undefined {
  const found = byteOrderMarks.find(({ mark }) => bytes.subarray(0, mark.length).equals(mark));
  return found && { encoding: found.encoding, bomBytes: found.mark.length };
}

/** A tenth, as Chinese text has zero bytes only in its delimiters, digits and line breaks. */
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
  if (second > least && second > first * leastLead) return { encoding: 'utf-16le', bomBytes: 0 };
  if (first > least && first > second * leastLead) return { encoding: 'utf-16be', bomBytes: 0 };
  return undefined;
}

/** How many bytes at the end begin a UTF-8 sequence (RFC 3629, section 3) that goes on in the next block. */
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
