/**
 * multipart/form-data (RFC 7578) as a stream of parts: nothing is kept beyond the bytes in hand, and
 * the parts end only where the closing boundary has come.
 */
import { parseContentDisposition } from './content-disposition.ts';
import { HttpProblem } from './problems.ts';

export interface Part {
  /** The form's field. */
  readonly name: string;
  /** Present for files. */
  readonly filename: string | undefined;
  readonly contentType: string;
  /** To be read to its end before the next part is asked for, or not at all. */
  readonly body: AsyncIterable<Buffer>;
}

const maxHeaderBytes = 8 * 1024;
/** What may stand before the first boundary and after the last. */
const maxOutsideBytes = 64 * 1024;

/** @throws {HttpProblem} 400 where the header names no boundary */
export function boundaryOf(contentType: string): string {
  const match = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  const boundary = match?.[1] ?? match?.[2];
  if (boundary !== undefined) return boundary;
  throw malformed('the Content-Type names no boundary; let your HTTP client set this header');
}

/** @throws {HttpProblem} 400 for a body that is no multipart form, or ends before its closing boundary */
export async function* readParts(source: AsyncIterable<Buffer>, boundary: string): AsyncGenerator<Part> {
  const bytes = new Window(source);
  try {
    // The first boundary may open the body; with a line end before it, it looks like all others.
    const delimiter = Buffer.from(`\r\n--${boundary}`);
    bytes.prepend(Buffer.from('\r\n'));
    let outside = 0;
    for await (const skipped of untilDelimiter(bytes, delimiter)) {
      outside += skipped.length;
      if (outside > maxOutsideBytes) throw malformed('it does not begin with its boundary');
    }
    while (!(await isClosed(bytes))) {
      const body = untilDelimiter(bytes, delimiter);
      yield { ...partHeaders(await readHeaders(bytes)), body };
      for await (const _ of body) {
        // A part that nobody wanted.
      }
    }
    await readEpilogue(bytes);
  } finally {
    // Whoever reads the rest of the body finds it free.
    await bytes.close();
  }
}

/** The bytes that have come and are not used yet. */
class Window {
  buffer: Buffer = Buffer.alloc(0);
  private readonly source: AsyncIterator<Buffer>;

  constructor(source: AsyncIterable<Buffer>) {
    this.source = source[Symbol.asyncIterator]();
  }

  prepend(bytes: Buffer): void {
    this.buffer = Buffer.concat([bytes, this.buffer]);
  }

  /** False at the end of the source. */
  async more(): Promise<boolean> {
    const next = await this.source.next();
    if (next.done) return false;
    this.buffer = this.buffer.length === 0 ? next.value : Buffer.concat([this.buffer, next.value]);
    return true;
  }

  async moreOrFail(): Promise<void> {
    if (!(await this.more())) throw malformed('it ends before its closing boundary');
  }

  async close(): Promise<void> {
    await this.source.return?.();
  }

  take(length: number): Buffer {
    const taken = this.buffer.subarray(0, length);
    this.buffer = this.buffer.subarray(length);
    return taken;
  }
}

/** Yields the bytes before the delimiter, and takes it. */
async function* untilDelimiter(bytes: Window, delimiter: Buffer): AsyncGenerator<Buffer> {
  for (;;) {
    const at = bytes.buffer.indexOf(delimiter);
    if (at >= 0) {
      if (at > 0) yield bytes.take(at);
      bytes.take(delimiter.length);
      return;
    }
    // The end of what is here may be the beginning of the delimiter.
    const sure = bytes.buffer.length - (delimiter.length - 1);
    if (sure > 0) yield bytes.take(sure);
    await bytes.moreOrFail();
  }
}

/** Reads the end of a boundary's line: `--` closes the form. */
async function isClosed(bytes: Window): Promise<boolean> {
  while (bytes.buffer.length < 2) await bytes.moreOrFail();
  if (bytes.buffer.toString('latin1', 0, 2) === '--') return true;
  for (;;) {
    const end = bytes.buffer.indexOf('\r\n');
    const padding = bytes.buffer.toString('latin1', 0, end < 0 ? bytes.buffer.length : end);
    if (!/^[ \t]{0,100}\r?$/.test(padding)) throw malformed('a boundary is followed by something else');
    if (end >= 0) {
      bytes.take(end + 2);
      return false;
    }
    await bytes.moreOrFail();
  }
}

async function readHeaders(bytes: Window): Promise<string> {
  // With a line end before them, headers and no headers end alike.
  bytes.prepend(Buffer.from('\r\n'));
  for (;;) {
    const end = bytes.buffer.indexOf('\r\n\r\n');
    if (end > maxHeaderBytes || (end < 0 && bytes.buffer.length > maxHeaderBytes)) {
      throw malformed(`the headers of a part are longer than ${maxHeaderBytes} bytes`);
    }
    if (end >= 0) return bytes.take(end + 4).toString('utf8', 0, end);
    await bytes.moreOrFail();
  }
}

function partHeaders(text: string): Omit<Part, 'body'> {
  const headers = new Map<string, string>();
  for (const line of text.split('\r\n').slice(1)) {
    const colon = line.indexOf(':');
    if (colon < 1) throw malformed('a part has a header line without a colon');
    headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  const disposition = parseContentDisposition(headers.get('content-disposition') ?? '');
  if (disposition.type !== 'form-data' || disposition.name === undefined) {
    throw malformed('a part has no "Content-Disposition: form-data" with a name');
  }
  return {
    name: disposition.name,
    filename: disposition.filename,
    contentType: headers.get('content-type') ?? 'text/plain',
  };
}

/** The body is over only when the request is: what follows the closing boundary is waited for and dropped. */
async function readEpilogue(bytes: Window): Promise<void> {
  let outside = 0;
  do {
    outside += bytes.take(bytes.buffer.length).length;
    if (outside > maxOutsideBytes) throw malformed('too much follows its closing boundary');
  } while (await bytes.more());
}

function malformed(what: string): HttpProblem {
  return new HttpProblem('invalid-request', `The body is not a valid multipart form: ${what}.`);
}
