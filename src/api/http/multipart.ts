/**
 * multipart/form-data (RFC 7578) as a stream of parts. Busboy's `Dicer` finds the parts; `Busboy` itself is
 * not used, as it silently drops malformed parts. Here no part goes missing, memory holds only the bytes at
 * hand, and the stream ends without an error only if the closing boundary has come.
 */
import { setImmediate } from 'node:timers/promises';
import { Dicer } from '@fastify/busboy';
import { parseContentDisposition } from './content-disposition.ts';
import { HttpProblem } from './problems.ts';

export interface Part {
  /** The name of the form's field. */
  readonly name: string;
  /** Undefined for a part that is no file. */
  readonly filename: string | undefined;
  readonly contentType: string;
  /** Read it to its end before asking for the next part, or not at all. */
  readonly body: AsyncIterable<Buffer>;
}

/** The most bytes outside of the parts' bodies: far less than 80 kB, where Dicer silently cuts headers. */
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
    // Reads to the end of the request, not only of the form: only then is it known to be complete.
    while (form.parts.length > 0 || !form.isOver) {
      const part = form.parts.shift();
      if (part) {
        while (!part.headers && !part.isComplete) await form.more();
        const body = bodyOf(part, form);
        yield { ...partHeaders(part.headers ?? {}), body };
        for await (const _ of body) {
          // Discards what the caller has not read.
        }
      } else {
        await form.more();
      }
    }
  } finally {
    // Lets go of the body, so that somebody else can read the rest.
    await form.close();
  }
}

type Headers = Readonly<Record<string, readonly string[]>>;

/** The bytes of a part that have come and are not used yet. */
interface ArrivingPart {
  headers: Headers | undefined;
  readonly chunks: Buffer[];
  isComplete: boolean;
}

/** Reads on only when `more` is called, so that no work runs, and none fails, while nobody waits for it. */
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
    // Emitted at the closing boundary. The parser is never ended, as it would then "finish" without it.
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
    // Dicer's streams emit the data of the parts in the ticks that follow.
    await setImmediate();
    if (this.outsideBytes > maxOutsideBytes) {
      throw malformed(
        `its headers, and the text before its first part and after its last one, have more than ${maxOutsideBytes} bytes`,
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
    // When Dicer meets a line that is no header, it drops the headers after that line.
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
