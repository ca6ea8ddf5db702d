/**
 * A client without a load balancer: it sends requests to one process, and goes on to the next process only
 * when a connection is refused or dropped. It notes all other errors.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isFinished, type TaskBody } from './task-states.ts';

export class RestlessClient {
  /** Errors that no client may see: answers with 5xx, and unknown tasks. */
  readonly errors: string[] = [];
  /** Answers that PostgreSQL was too slow, which may happen on a machine that is far too busy. */
  overdue = 0;
  dropped = 0;
  answered = 0;
  private readonly urls: readonly string[];
  private readonly key: string | undefined;
  private turn = 0;

  /** @param key an API key, if the processes need one */
  constructor(urls: readonly string[], key?: string) {
    this.urls = urls;
    this.key = key;
  }

  /** Submits with a key, so that the submit can be repeated when its answer is lost. */
  async submit(type: string, key: string, input: unknown): Promise<TaskBody> {
    const body = JSON.stringify({ type, key, input });
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
    return (await this.ask('/tasks', init)).json as TaskBody;
  }

  /** Uploads a file for an import, also with a key. */
  async upload(key: string, csv: string): Promise<TaskBody> {
    const init = { method: 'POST', headers: { 'content-type': 'text/csv' }, body: csv };
    return (await this.ask(`/tasks/csv-import?dataset=${key}&key=${key}`, init)).json as TaskBody;
  }

  /** Follows a task to its end by plain polls. */
  async poll(id: string): Promise<TaskBody> {
    for (;;) {
      const { json } = await this.ask(`/tasks/${id}`, { headers: { accept: 'application/json' } });
      if (isFinished(json as TaskBody)) return json as TaskBody;
      await sleep(100);
    }
  }

  /** Follows a task to its end by long polls. */
  async wait(id: string): Promise<TaskBody> {
    let etag: string | undefined;
    for (;;) {
      const { response, json } = await this.ask(`/tasks/${id}`, {
        headers: { accept: 'application/json', prefer: 'wait=20', ...(etag && { 'if-none-match': etag }) },
      });
      etag = response.headers.get('etag') ?? etag;
      if (json && isFinished(json as TaskBody)) return json as TaskBody;
    }
  }

  /** Follows a task to its end by streams; each stream continues where the previous one ended. */
  async stream(id: string): Promise<TaskBody> {
    let seen: string | undefined;
    for (;;) {
      const { text } = await this.ask(`/tasks/${id}/events`, {
        headers: seen === undefined ? {} : { 'last-event-id': seen },
      });
      seen = [...text.matchAll(/^id: (\d+)$/gm)].at(-1)?.[1] ?? seen;
      if (text.includes('event: end\n')) return this.poll(id);
      await sleep(100);
    }
  }

  private async ask(
    path: string,
    { headers, ...init }: RequestInit,
  ): Promise<{ response: Response; text: string; json: unknown }> {
    for (;;) {
      const url = this.urls[this.turn++ % this.urls.length];
      try {
        const authorization = this.key && { authorization: `Bearer ${this.key}` };
        const response = await fetch(`${url}${path}`, { ...init, headers: { ...headers, ...authorization } });
        const text = await response.text();
        this.answered += 1;
        if (response.status < 400) {
          const isJson = response.headers.get('content-type')?.startsWith('application/json');
          return { response, text, json: isJson ? JSON.parse(text) : undefined };
        }
        if (response.status === 503 && text.includes('did not answer within')) this.overdue += 1;
        else this.errors.push(`${response.status} ${init.method ?? 'GET'} ${path}: ${text}`);
      } catch {
        this.dropped += 1;
      }
      await sleep(20);
    }
  }
}
