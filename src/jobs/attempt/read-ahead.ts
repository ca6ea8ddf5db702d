/** Reads a file for a job: the next chunk is on its way while the job works on this one. */

/**
 * Yields chunk after chunk, from an offset in bytes to the end of the file. A chunk that fails to be read rejects
 * when the job asks for it.
 * @param read resolves to the bytes from an offset on, as many as come at a time; null at the end of the file
 */
export async function* readAhead(
  read: (offset: number) => Promise<Buffer | null>,
  fromByte: number,
): AsyncGenerator<Buffer> {
  const begin = (offset: number) => {
    const chunk = read(offset);
    // Nobody waits for the chunk when the job reads no further.
    chunk.catch(() => undefined);
    return chunk;
  };
  let offset = fromByte;
  let next = begin(offset);
  for (;;) {
    const chunk = await next;
    if (!chunk) return;
    offset += chunk.length;
    next = begin(offset);
    yield chunk;
  }
}
