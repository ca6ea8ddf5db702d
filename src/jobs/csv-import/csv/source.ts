/**
 * Opens the file at a byte offset, which may be its length (then there is nothing to read). The iterable is
 * closed by `return()` when the reader has seen enough.
 */
export type OpenSource = (fromByte: number) => AsyncIterable<Buffer>;

/** How much is decoded and parsed at a time: small beside the 1 MB of a record, large beside the cost of a turn. */
export const defaultBlockBytes = 64 * 1024;

/**
 * Cuts a stream of chunks of any size into blocks of exactly `blockBytes` (the last may be shorter), so that
 * neither a stream of single bytes nor a single chunk of 1 GB changes what reading costs.
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

/** The first `bytes` of a stream, or all of it where it is shorter. */
export async function firstBytes(source: AsyncIterable<Buffer>, bytes: number): Promise<Buffer> {
  for await (const block of blocksOf(source, bytes)) return block;
  return Buffer.alloc(0);
}

function joined(parts: Buffer[]): Buffer {
  const [only] = parts;
  return only !== undefined && parts.length === 1 ? only : Buffer.concat(parts);
}
