/** COPY FROM STDIN through the driver, for the import that Headway is compared with. */
import type pg from 'pg';

/** What the driver has for COPY, besides its published types. */
interface CopyConnection {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  readonly stream: { readonly writableNeedDrain: boolean; once(event: 'drain', done: () => void): void };
}

/** One COPY, in the shape that `client.query` takes. It sends the chunks as fast as the server takes them. */
export class Copy {
  readonly done: Promise<void>;
  private readonly text: string;
  private readonly chunks: AsyncIterable<Buffer>;
  private resolve = () => {};
  private reject = (_error: unknown) => {};

  constructor(text: string, chunks: AsyncIterable<Buffer>) {
    this.text = text;
    this.chunks = chunks;
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  submit(connection: pg.Connection): void {
    (connection as unknown as CopyConnection).query(this.text);
  }

  handleCopyInResponse(connection: CopyConnection): void {
    this.send(connection).catch(this.reject);
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.resolve();
  }

  handleError(error: Error): void {
    this.reject(error);
  }

  private async send(connection: CopyConnection): Promise<void> {
    for await (const chunk of this.chunks) {
      connection.sendCopyFromChunk(chunk);
      if (connection.stream.writableNeedDrain) {
        await new Promise<void>((resolve) => connection.stream.once('drain', resolve));
      }
    }
    connection.endCopyFrom();
  }
}
