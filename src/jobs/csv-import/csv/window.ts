/** The part of a file that is being parsed, held in memory. */
import type { CsvEncoding } from './encoding.ts';

/** Maps an offset in the window to the offset in the stored file. */
export type SourceOffset = (offset: number) => number;

/**
 * The part of a file that is being parsed, as bytes that csv-parse can read. These are the bytes of the file,
 * except that UTF-16 is turned into UTF-8: csv-parse compares single bytes, without regard to the pairs of
 * UTF-16, and would take U+2200 before U+0100 for a quote. Offsets count these bytes from the point where the
 * window was opened.
 */
export interface SourceWindow {
  append(block: Buffer): void;
  /** Call once after the last block: an incomplete character at the end becomes U+FFFD. */
  finish(): void;
  /** Offset after the last byte so far. */
  end(): number;
  /**
   * Up to `atMost` bytes from an offset on, without copying: perhaps fewer, but at least one if there is one.
   */
  read(from: number, atMost: number): Buffer;
  /** All bytes between two offsets. */
  slice(from: number, to: number): Buffer;
  /** Releases the bytes before an offset. */
  forget(before: number): void;
  /**
   * The mapping for the bytes held now. It stays valid after they are released, and costs nothing until
   * called.
   */
  sourceOffsets(): SourceOffset;
}

interface Segment {
  start: number;
  end: number;
  bytes: Buffer;
  sourceStart: number;
  sourceEnd: number;
}

/**
 * Opens a window on bytes that begin at `sourceOffset` in a file of this encoding, after its byte order mark.
 */
export function openWindow(encoding: CsvEncoding, sourceOffset: number): SourceWindow {
  const convert = encoding === 'utf-16le' || encoding === 'utf-16be' ? utf16ToUtf8(encoding) : asItIs;
  let segments: readonly Segment[] = [];
  let end = 0;
  let sourceEnd = sourceOffset;
  let received = sourceOffset;

  function add({ bytes, sourceBytes }: Converted): void {
    const segment = {
      start: end,
      end: end + bytes.length,
      bytes,
      sourceStart: sourceEnd,
      sourceEnd: sourceEnd + sourceBytes,
    };
    segments = [...segments, segment];
    end = segment.end;
    sourceEnd = segment.sourceEnd;
  }

  return {
    append(block) {
      received += block.length;
      add(convert(block));
    },
    finish() {
      const { bytes } = convert(undefined);
      add({ bytes, sourceBytes: received - sourceEnd });
    },
    end: () => end,
    read(from, atMost) {
      const segment = segments.find((candidate) => from < candidate.end);
      if (segment === undefined) return Buffer.alloc(0);
      return segment.bytes.subarray(from - segment.start, from - segment.start + atMost);
    },
    slice(from, to) {
      const parts = segments
        .filter((segment) => segment.end > from && segment.start < to)
        .map(({ bytes, start }) => bytes.subarray(Math.max(0, from - start), to - start));
      const [only] = parts;
      return only !== undefined && parts.length === 1 ? only : Buffer.concat(parts);
    },
    forget(before) {
      // Keep the last segment, so that the offset of the end can still be mapped.
      segments = segments.filter((segment, index) => segment.end > before || index === segments.length - 1);
    },
    sourceOffsets() {
      const held = segments;
      return (offset) => {
        const segment = held.find((candidate) => offset <= candidate.end);
        if (segment === undefined) return held.at(-1)?.sourceEnd ?? sourceOffset;
        if (offset === segment.end) return segment.sourceEnd;
        const length = offset - segment.start;
        if (convert === asItIs) return segment.sourceStart + length;
        return segment.sourceStart + 2 * segment.bytes.toString('utf8', 0, length).length;
      };
    },
  };
}

interface Converted {
  bytes: Buffer;
  /** How many bytes of the file `bytes` was made from. */
  sourceBytes: number;
}

function asItIs(block: Buffer | undefined): Converted {
  const bytes = block ?? Buffer.alloc(0);
  return { bytes, sourceBytes: bytes.length };
}

/**
 * Each UTF-16 unit of the file becomes one unit of the decoded text, even a lone surrogate, which becomes
 * U+FFFD. So the length of the decoded text tells from how many bytes of the file it was made, even when the
 * decoder holds bytes back.
 */
function utf16ToUtf8(encoding: 'utf-16le' | 'utf-16be'): (block: Buffer | undefined) => Converted {
  const decoder = new TextDecoder(encoding, { ignoreBOM: true });
  return (block) => {
    const text = block === undefined ? decoder.decode() : decoder.decode(block, { stream: true });
    return { bytes: Buffer.from(text, 'utf8'), sourceBytes: 2 * text.length };
  };
}
