/** A file on its way from a client into the database: counted, limited, and gone again unless it is kept. */
import { type FinishedUpload, Upload } from '../tasks/files.ts';
import type { Store } from '../tasks/store.ts';
import { withinAnswerTime } from './deadline.ts';
import { HttpProblem } from './problems.ts';

export interface ReceivedFile {
  readonly name: string;
  readonly upload: FinishedUpload;
}

export class IncomingFile {
  private readonly store: Store;
  private upload: Upload | undefined;
  private received: ReceivedFile | undefined;

  constructor(store: Store) {
    this.store = store;
  }

  /** Undefined until `receive` has returned. */
  get file(): ReceivedFile | undefined {
    return this.received;
  }

  /**
   * Stores the bytes as they come. An empty file leaves nothing behind and counts as none.
   * @throws {HttpProblem} 413 beyond the limit; whatever the source throws
   */
  async receive(
    facts: { name: string; contentType: string },
    source: AsyncIterable<Buffer> | Iterable<Buffer>,
    maxBytes: number,
  ): Promise<void> {
    let size = 0;
    for await (const bytes of source) {
      if (bytes.length === 0) continue;
      size += bytes.length;
      if (size > maxBytes) throw tooLarge(maxBytes);
      this.upload ??= await withinAnswerTime(Upload.begin(this.store, facts));
      await this.upload.write(bytes);
    }
    if (!this.upload) return;
    const upload = await withinAnswerTime(this.upload.finish());
    this.received = { name: facts.name, upload };
  }

  /** Deletes what was stored. */
  async drop(): Promise<void> {
    await this.upload?.abort();
  }
}

export function tooLarge(maxBytes: number): HttpProblem {
  const megabytes = Math.round(maxBytes / 1024 / 1024);
  return new HttpProblem('too-large', `A file may have at most ${megabytes} MB (${maxBytes} bytes).`);
}
