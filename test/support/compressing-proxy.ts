/**
 * A proxy that compresses answers, and changes their ETags as such proxies do. It passes requests on
 * unchanged.
 */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createGzip } from 'node:zlib';

/** Returns what the proxy makes of an ETag; undefined if it drops the ETag. */
export type TagHabit = (etag: string) => string | undefined;

/** What proxies that people use do to ETags. */
export const tagHabits = {
  'drops strong tags (Envoy)': (etag) => (etag.startsWith('W/') ? etag : undefined),
  'makes tags weak (nginx)': (etag) => (etag.startsWith('W/') ? etag : `W/${etag}`),
  'writes the coding into tags (Apache)': (etag) => etag.replace(/"$/, '-gzip"'),
  'drops all tags': () => undefined,
  'has tags of its own': (etag) => `"${Buffer.from(etag).toString('hex')}"`,
} as const satisfies Record<string, TagHabit>;

export type TagHabitName = keyof typeof tagHabits;

export class CompressingProxy implements AsyncDisposable {
  /** The URLs of the requests for JSON, in the order in which they came. */
  readonly polls: string[] = [];
  private readonly server = createServer((asked, answer) => this.pass(asked, answer));
  private readonly port: number;
  private readonly habit: TagHabit;

  private constructor(port: number, habit: TagHabit) {
    this.port = port;
    this.habit = habit;
  }

  /** @param port of the service on this machine */
  static async start(port: number, habit: TagHabitName): Promise<CompressingProxy> {
    const proxy = new CompressingProxy(port, tagHabits[habit]);
    await new Promise<void>((resolve) => proxy.server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  private pass(asked: IncomingMessage, answer: ServerResponse): void {
    const { method, url = '/', headers } = asked;
    if (headers.accept === 'application/json') this.polls.push(url);
    const passed = request({ host: '127.0.0.1', port: this.port, method, path: url, headers }, (answered) =>
      this.passBack(answered, asked, answer),
    );
    passed.on('error', () => answer.destroy());
    answer.on('close', () => passed.destroy());
    asked.pipe(passed);
  }

  private passBack(answered: IncomingMessage, asked: IncomingMessage, answer: ServerResponse): void {
    const { statusCode = 502, headers } = answered;
    const etag = headers.etag === undefined ? undefined : this.habit(headers.etag);
    const isPacked = statusCode === 200 && /gzip/.test(asked.headers['accept-encoding']?.toString() ?? '');
    if (isPacked) delete headers['content-length'];
    if (etag === undefined) delete headers.etag;
    answer.writeHead(statusCode, {
      ...headers,
      ...(etag !== undefined && { etag }),
      ...(isPacked && { 'content-encoding': 'gzip' }),
      vary: `${headers.vary ?? ''}, Accept-Encoding`,
    });
    answered.on('error', () => answer.destroy());
    if (isPacked) answered.pipe(createGzip()).pipe(answer);
    else answered.pipe(answer);
  }
}
