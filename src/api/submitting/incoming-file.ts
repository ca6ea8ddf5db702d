/** A file on its way from a client into the database: counted, limited, and gone again unless it is kept. */
import { chunkBytes, type FinishedUpload, Upload } from '../../tasks/files/files.ts';
import type { Store } from '../../tasks/store.ts';
import { withinAnswerTime } from '../http/deadline.ts';
import { HttpProblem } from '../http/problems.ts';

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
   * @throws {HttpProblem} 413 beyond the limit, 408 for a client that trickles; whatever the source throws
   */
  async receive(
    facts: { name: string; contentType: string },
    source: AsyncIterable<Buffer> | Iterable<Buffer>,
    maxBytes: number,
  ): Promise<void> {
    let size = 0;
    const pace = new Pace();
    for await (const bytes of source) {
      if (bytes.length === 0) continue;
      size += bytes.length;
      if (size > maxBytes) throw tooLarge(maxBytes);
      pace.check(size);
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

/** The sweep takes an upload for abandoned that has stored no chunk for 10 minutes: this comes before. */
const slowestChunkMs = 5 * 60_000;

/** How fast an upload must be: a chunk in 5 minutes, not quite 1 kB/s. */
class Pace {
  private size = 0;
  private since = performance.now();

  /** @throws {HttpProblem} 408 when the bytes so far are too few */
  check(size: number): void {
    const now = performance.now();
    if (size - this.size >= chunkBytes) {
      this.size = size;
      this.since = now;
    } else if (now - this.since > slowestChunkMs) {
      throw new HttpProblem('request-timeout', 'The file comes too slowly: send at least 1 kB a second.');
    }
  }
}

export function tooLarge(maxBytes: number): HttpProblem {
  const megabytes = Math.round(maxBytes / 1024 / 1024);
  return new HttpProblem('too-large', `A file may have at most ${megabytes} MB (${maxBytes} bytes).`);
}
