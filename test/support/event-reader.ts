/** A client of server-sent events that parses them by the standard, and keeps them. */
import { eventually } from './eventually.ts';

export interface ServerSentEvent {
  readonly event: string;
  readonly id: string | undefined;
  /** The parsed JSON of the event's data. */
  readonly data: Record<string, unknown>;
}

export class EventReader implements AsyncDisposable {
  readonly response: Response;
  readonly events: ServerSentEvent[] = [];
  /** The comments that keep silent streams open. */
  comments = 0;
  retryMs: number | undefined;
  isClosed = false;
  private readonly control: AbortController;

  private constructor(response: Response, control: AbortController) {
    this.response = response;
    this.control = control;
    void this.read();
  }

  static async open(url: string, headers: Record<string, string> = {}): Promise<EventReader> {
    const control = new AbortController();
    return new EventReader(await fetch(url, { headers, signal: control.signal }), control);
  }

  /** The names of the events, in order. */
  get names(): string[] {
    return this.events.map(({ event }) => event);
  }

  /** The events with one name. */
  of(name: string): ServerSentEvent[] {
    return this.events.filter(({ event }) => event === name);
  }

  async until(condition: (reader: this) => boolean): Promise<void> {
    await eventually(() => condition(this)).catch(() => {
      throw new Error(`it was sent ${JSON.stringify(this.events)}${this.isClosed ? ' and closed' : ''}`);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.control.abort();
    await eventually(() => this.isClosed);
  }

  private async read(): Promise<void> {
    try {
      let rest = '';
      const decoder = new TextDecoder();
      for await (const chunk of this.response.body ?? []) {
        const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
        rest = blocks.pop() ?? '';
        for (const block of blocks) this.take(block);
      }
    } catch {
      // The stream was cut off, or the test aborted it.
    }
    this.isClosed = true;
  }

  private take(block: string): void {
    const fields = new Map(
      block.split('\n').map((line) => {
        const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
        return [name, value] as const;
      }),
    );
    const data = fields.get('data');
    if (fields.has('retry')) this.retryMs = Number(fields.get('retry'));
    if (data !== undefined) {
      const event = fields.get('event') ?? 'message';
      this.events.push({ event, id: fields.get('id'), data: JSON.parse(data) as Record<string, unknown> });
    } else if (fields.has('')) this.comments += 1;
  }
}
