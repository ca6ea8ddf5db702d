/** A file on its way from a client into the database: its size is limited, and it can be dropped again. */
import { chunkBytes, type FinishedUpload, Upload } from '../../tasks/files/files.ts';
import type { Store } from '../../tasks/store.ts';
import { withinAnswerTime } from '../http/answer-time.ts';
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
   * Stores the bytes as they come. An empty file stores nothing and counts as no file.
   * @throws {HttpProblem} 413 beyond the limit, 408 for a client that sends too slowly; whatever the source
   *   throws
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

  /** Deletes the bytes that were stored. */
  async drop(): Promise<void> {
    await this.upload?.abort();
  }
}

/** Shorter than the 10 minutes without a stored chunk after which the sweep takes an upload for abandoned. */
const slowestChunkMs = 5 * 60_000;

/** Makes sure that a client sends a chunk at least every 5 minutes, which is not quite 1 kB/s. */
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
