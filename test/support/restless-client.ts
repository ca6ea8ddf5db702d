/**
 * A client that does without a load balancer: it asks one process after the other, and goes on to the next only
 * when a connection is refused or dropped. It keeps whatever else went wrong.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isFinished, type TaskBody } from './process.ts';

export class RestlessClient {
  /** What no client may see: answers with 5xx, and tasks that are unknown. */
  readonly errors: string[] = [];
  /** Answers that PostgreSQL took longer than it may, as it does where a machine is far too busy. */
  overdue = 0;
  dropped = 0;
  answered = 0;
  private readonly urls: readonly string[];
  private readonly key: string | undefined;
  private turn = 0;

  /** @param key an API key, where the processes have one */
  constructor(urls: readonly string[], key?: string) {
    this.urls = urls;
    this.key = key;
  }

  /** Submits with a key, so that it may be repeated when the answer was lost. */
  async submit(type: string, key: string, input: unknown): Promise<TaskBody> {
    const body = JSON.stringify({ type, key, input });
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
    return (await this.ask('/tasks', init)).json as TaskBody;
  }

  /** Sends a file to be imported, with a key as well. */
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

  /** Follows a task to its end by polls that wait for news. */
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

  /** Follows a task to its end by streams, each of which goes on where the one before ended. */
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
