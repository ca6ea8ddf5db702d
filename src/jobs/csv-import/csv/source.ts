/**
 * Opens the file at a byte offset. An offset equal to the length of the file gives an empty iterable. The
 * reader calls `return()` on the iterable when it needs no more.
 */
export type OpenSource = (fromByte: number) => AsyncIterable<Buffer>;

/**
 * How much is decoded and parsed at a time: little compared with the 1 MB of the longest record, but enough
 * that the cost per block does not matter.
 */
export const defaultBlockBytes = 64 * 1024;

/**
 * Cuts a stream of chunks of any size into blocks of exactly `blockBytes` (the last may be shorter). So
 * reading costs the same for a stream of single bytes and for a single chunk of 1 GB.
 */
export async function* blocksOf(source: AsyncIterable<Buffer>, blockBytes: number): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let missing = blockBytes;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + missing);
      parts.push(part);
      missing -= part.length;
      at += part.length;
      if (missing > 0) continue;
      yield joined(parts);
      parts = [];
      missing = blockBytes;
    }
  }
  if (parts.length > 0) yield joined(parts);
}

/** The first `bytes` of a stream, or the whole stream if it is shorter. */
export async function firstBytes(source: AsyncIterable<Buffer>, bytes: number): Promise<Buffer> {
  for await (const block of blocksOf(source, bytes)) return block;
  return Buffer.alloc(0);
}

function joined(parts: Buffer[]): Buffer {
  const [only] = parts;
  return only !== undefined && parts.length === 1 ? only : Buffer.concat(parts);
}
