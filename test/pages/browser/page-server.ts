/**
 * Stands in for the API: one task whose state the test sets, its page, the files of `public/`, and
 * whatever else the test serves by path. Every answer has the Content-Security-Policy of the service.
 */
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { renderTaskPage, type TaskPageView } from '../../../src/api/pages/index.ts';
import { pageOf, queued } from '../views.ts';

const publicFolder = path.join(import.meta.dirname, '../../../public');
const mediaTypes: Record<string, string> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

export interface Asked {
  readonly at: number;
  readonly accept: 'json' | 'html';
  /** Whether the question said that it would wait. */
  readonly maySleep: boolean;
  /** 0 until the question is answered, and for ever if its client left before. */
  status: number;
}

/** `remembered`: plain polls get the last known state with its age; all other questions get a 503. */
type Outage = 'none' | 'unavailable' | 'remembered' | 'hang up' | 'gone' | 'no pages';

/**
 * What the server does with questions that it may hold. `release`: answers at once, as a stopping one does.
 */
type Holding = 'hold' | 'ignore' | 'refuse' | 'release' | 'cut' | 'forget';

export class PageServer {
  /** Further pages by path. */
  readonly pages = new Map<string, string>();
  /** How often and how the task's URL was asked for. */
  readonly asked: Asked[] = [];
  holding: Holding = 'hold';
  /** Whether held questions wait until they are released, for pages whose clock stands still. */
  waitsForEver = false;
  /** The most questions that were held together. */
  mostHeld = 0;
  retryAfterSeconds = 1;
  /** The time of the remembered state. */
  rememberedAtMs = Date.now();
  /** How many forms have been posted, and what each of them does. */
  posts = 0;
  onPost = (): void => {};
  #view: TaskPageView = pageOf(queued());
  #version = 1;
  #outage: Outage = 'none';
  readonly #held = new Set<() => void>();
  /** The answers that are about to be sent. */
  readonly #busyWith = new Set<Asked>();
  readonly #server = createServer((request, response) => {
    this.#answer(request, response).catch(() => response.destroy());
  });

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get taskUrl(): string {
    return `${this.origin}${this.#view.task.links.self}`;
  }

  show(view: TaskPageView): void {
    this.#view = view;
    this.#version += 1;
    this.release();
  }

  /** What the task's URL answers during a fault, also to questions that are held. */
  set outage(outage: Outage) {
    this.#outage = outage;
    this.release();
  }

  /** How many questions are held. */
  get held(): number {
    return this.#held.size;
  }

  /** Whether all questions are answered, held or forgotten. */
  get isAtRest(): boolean {
    return this.#busyWith.size === 0;
  }

  /** Answers all questions that are held. */
  release(): void {
    for (const answer of [...this.#held]) answer();
  }

  /** Changes the parts of the page that have no version. */
  showQuietly(view: TaskPageView): void {
    this.#view = view;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('content-security-policy', "default-src 'self'");
    const { pathname } = new URL(request.url ?? '/', this.origin);
    const page = this.pages.get(pathname);
    if (request.method === 'POST') this.#accept(request, response);
    else if (pathname.startsWith('/assets/')) await sendAsset(pathname.slice('/assets/'.length), response);
    else if (page !== undefined) send(response, 200, 'text/html; charset=utf-8', page);
    else if (pathname === this.#view.task.links.self) this.#sendTask(request, response);
    else send(response, 404, 'text/plain', 'not found');
  }

  #sendTask(request: IncomingMessage, response: ServerResponse): void {
    const accept = request.headers.accept?.includes('text/html') ? 'html' : 'json';
    const asked: Asked = {
      at: performance.now(),
      accept,
      maySleep: request.headers.prefer !== undefined,
      status: 0,
    };
    this.asked.push(asked);
    this.#busyWith.add(asked);
    response.on('finish', () => {
      asked.status = response.statusCode;
    });
    response.on('close', () => this.#busyWith.delete(asked));
    response.setHeader('vary', 'Accept, Prefer');
    if (asked.maySleep && accept === 'json' && this.#outage === 'none') this.#hold(request, response, asked);
    else this.#answerNow(request, response, accept);
  }

  #answerNow(request: IncomingMessage, response: ServerResponse, accept: 'json' | 'html'): void {
    if (this.#outage === 'hang up') response.destroy();
    else if (this.#outage === 'unavailable') sendProblem(response, 503, 'unavailable');
    else if (this.#outage === 'no pages' && accept === 'html') sendProblem(response, 503, 'unavailable');
    else if (this.#outage === 'remembered') this.#sendRemembered(request, response, accept);
    else if (this.#outage === 'gone') sendProblem(response, 404, 'unknown-task');
    else if (accept === 'html') send(response, 200, 'text/html; charset=utf-8', renderTaskPage(this.#view));
    else this.#sendJson(request, response);
  }

  #hold(request: IncomingMessage, response: ServerResponse, asked: Asked): void {
    if (this.holding === 'ignore') this.#sendJson(request, response);
    else if (this.holding === 'refuse') sendProblem(response, 503, 'too-many-watchers');
    else if (this.holding === 'cut')
      setTimeout(() => send(response, 504, 'text/html', 'Gateway Timeout'), 200);
    else if (this.holding === 'forget') this.#busyWith.delete(asked);
    else this.#answerWithNews(request, response, asked);
  }

  #answerWithNews(request: IncomingMessage, response: ServerResponse, asked: Asked): void {
    response.setHeader('preference-applied', request.headers.prefer ?? '');
    const { searchParams } = new URL(request.url ?? '/', this.origin);
    const isKnown =
      request.headers['if-none-match'] === this.#etag || searchParams.get('after') === `${this.#version}`;
    if (!isKnown || this.holding === 'release') {
      this.#answerNow(request, response, 'json');
      return;
    }
    const waitMs = 1000 * Number(/\d+/.exec(`${request.headers.prefer}`)?.[0]);
    const timer = this.waitsForEver ? undefined : setTimeout(() => answer(), waitMs);
    const answer = () => {
      this.#held.delete(answer);
      clearTimeout(timer);
      this.#busyWith.add(asked);
      this.#answerNow(request, response, 'json');
    };
    response.on('close', () => this.#held.delete(answer) && clearTimeout(timer));
    this.#held.add(answer);
    this.mostHeld = Math.max(this.mostHeld, this.held);
    this.#busyWith.delete(asked);
  }

  get #etag(): string {
    return `W/"json-${this.#version}"`;
  }

  get #json(): string {
    return JSON.stringify({ ...this.#view.task, version: this.#version });
  }

  #sendJson(request: IncomingMessage, response: ServerResponse): void {
    response.setHeader('etag', this.#etag);
    response.setHeader('retry-after', String(this.retryAfterSeconds));
    if (request.headers['if-none-match'] === this.#etag) response.writeHead(304).end();
    else send(response, 200, 'application/json', this.#json);
  }

  #sendRemembered(request: IncomingMessage, response: ServerResponse, accept: 'json' | 'html'): void {
    if (accept === 'html' || request.headers.prefer !== undefined) {
      sendProblem(response, 503, 'unavailable');
      return;
    }
    const ageSeconds = Math.floor((Date.now() - this.rememberedAtMs) / 1000);
    response.setHeader('age', String(ageSeconds));
    response.setHeader('cache-status', `headway; hit; ttl=-${ageSeconds}`);
    this.#sendJson(request, response);
  }

  #accept(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    request.on('end', () => {
      this.posts += 1;
      this.onPost();
      const isForm = request.headers.accept?.includes('text/html');
      response.writeHead(isForm ? 303 : 202, { location: this.#view.task.links.self }).end('{}');
    });
  }
}

async function sendAsset(name: string, response: ServerResponse): Promise<void> {
  const type = mediaTypes[path.extname(name)];
  if (type === undefined || name.includes('..')) send(response, 404, 'text/plain', 'not found');
  else send(response, 200, type, await readFile(path.join(publicFolder, name), 'utf8'));
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-cache' }).end(body);
}

function sendProblem(response: ServerResponse, status: number, kind: string): void {
  response.setHeader('retry-after', '1');
  send(response, status, 'application/problem+json', JSON.stringify({ type: `/problems/${kind}`, status }));
}
