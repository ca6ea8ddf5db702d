/**
 * multipart/form-data (RFC 7578) as a stream of parts. Busboy's `Dicer` finds them; `Busboy` itself would
 * not do, as it drops without a word what is malformed. Here no part goes missing, nothing is kept beyond
 * the bytes in hand, and the parts end only where the closing boundary has come.
 */
import { setImmediate } from 'node:timers/promises';
import { Dicer } from '@fastify/busboy';
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

/** What may be no part's body: far less than the 80 kB of headers beyond which Dicer silently cuts them. */
const maxOutsideBytes = 16 * 1024;

/** @throws {HttpProblem} 400 where the header names no boundary */
export function boundaryOf(contentType: string): string {
  const match = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  const boundary = match?.[1] ?? match?.[2];
  if (boundary !== undefined) return boundary;
  throw malformed('the Content-Type names no boundary; let your HTTP client set this header');
}

/** @throws {HttpProblem} 400 for a body that is no multipart form, or ends before its closing boundary */
export async function* readParts(source: AsyncIterable<Buffer>, boundary: string): AsyncGenerator<Part> {
  const form = new ArrivingForm(source, boundary);
  try {
    // To the end of the request, not of the form: only then is it known to be whole.
    while (form.parts.length > 0 || !form.isOver) {
      const part = form.parts.shift();
      if (part) {
        while (!part.headers && !part.isComplete) await form.more();
        const body = bodyOf(part, form);
        yield { ...partHeaders(part.headers ?? {}), body };
        for await (const _ of body) {
          // A part that nobody wanted.
        }
      } else {
        await form.more();
      }
    }
  } finally {
    // Whoever reads the rest of the body finds it free.
    await form.close();
  }
}

type Headers = Readonly<Record<string, readonly string[]>>;

/** As much of a part as has come and is not used yet. */
interface ArrivingPart {
  headers: Headers | undefined;
  readonly chunks: Buffer[];
  isComplete: boolean;
}

/** Takes the next bytes when it is told to, so that nothing runs, or fails, that nobody waits for. */
class ArrivingForm {
  readonly parts: ArrivingPart[] = [];
  isOver = false;
  private readonly source: AsyncIterator<Buffer>;
  private readonly parser: Dicer;
  private isClosed = false;
  private outsideBytes = 0;

  constructor(source: AsyncIterable<Buffer>, boundary: string) {
    this.source = source[Symbol.asyncIterator]();
    this.parser = new Dicer({ boundary });
    this.parser.on('part', (stream) => this.begin(stream));
    // Emitted at the closing boundary. The parser is never ended: it would "finish" without one, too.
    this.parser.on('finish', () => (this.isClosed = true));
  }

  async more(): Promise<void> {
    const next = await this.source.next();
    if (next.done) {
      if (this.isOver || !this.isClosed) throw malformed('it ends before its closing boundary');
      this.isOver = true;
      return;
    }
    this.outsideBytes += next.value.length;
    this.parser.write(next.value);
    // The streams of its parts tell what they have in the ticks that follow.
    await setImmediate();
    if (this.outsideBytes > maxOutsideBytes) {
      throw malformed(
        `what stands before its beginning, in headers, and follows its end is more than ${maxOutsideBytes} bytes`,
      );
    }
  }

  async close(): Promise<void> {
    await this.source.return?.();
  }

  private begin(stream: Dicer.PartStream): void {
    const part: ArrivingPart = { headers: undefined, chunks: [], isComplete: false };
    this.parts.push(part);
    stream.on('header', (headers: Headers) => (part.headers = headers));
    stream.on('data', (bytes: Buffer) => {
      this.outsideBytes -= bytes.length;
      part.chunks.push(bytes);
    });
    stream.on('end', () => (part.isComplete = true));
  }
}

async function* bodyOf(part: ArrivingPart, form: ArrivingForm): AsyncGenerator<Buffer> {
  for (;;) {
    const bytes = part.chunks.shift();
    if (bytes) yield bytes;
    else if (part.isComplete) return;
    else await form.more();
  }
}

function partHeaders(headers: Headers): Omit<Part, 'body'> {
  const { type, name, filename } = parseContentDisposition(headerOf(headers, 'content-disposition'));
  if (type !== 'form-data' || name === undefined) {
    // Where Dicer finds a line that is no header, it leaves out those that follow.
    throw malformed(
      'a part has no "Content-Disposition: form-data" with a name, or a line without a colon before it',
    );
  }
  return { name, filename, contentType: headerOf(headers, 'content-type') || 'text/plain' };
}

function headerOf(headers: Headers, name: string): string {
  const [value = ''] = headers[name] ?? [];
  return Buffer.from(value, 'latin1').toString('utf8').trim();
}

function malformed(what: string): HttpProblem {
  return new HttpProblem('invalid-request', `The body is not a valid multipart form: ${what}.`);
}
