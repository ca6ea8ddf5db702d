/** Renders task pages: each version at most once a second for all clients, and two pages at a time. */
import { Memo } from '../../tasks/snapshots/memo.ts';
import type { PageDetails } from '../../tasks/snapshots/page-details.ts';
import type { ApiExtensions } from '../extension.ts';
import { oneATurn } from '../http/one-a-turn.ts';
import { TooBusy } from '../http/problems.ts';
import { renderTaskPage } from '../pages/index.ts';
import { type TaskSnapshot, viewOf } from './task-answer.ts';

/** How long a page is kept: what it says of the queue and of the worker may be this old. */
const pageAgeMs = 1_000;
/** How many pages are kept. Each has half a megabyte at most, as a rule a tenth of that. */
const maxPages = 40;
/** How many pages are made at once: two, so that the database answers for one while the other is rendered. */
const atOnce = 2;
const maxWaiting = 100;

export class TaskPages {
  private readonly pageDetails: PageDetails;
  private readonly extensions: ApiExtensions;
  private readonly pages = new Memo<Buffer>({ maxAgeMs: pageAgeMs, maxEntries: maxPages });
  private readonly waiting: (() => void)[] = [];
  private inWork = 0;

  /** @param extensions the code of jobs that render their results themselves */
  constructor(pageDetails: PageDetails, extensions: ApiExtensions) {
    this.pageDetails = pageDetails;
    this.extensions = extensions;
  }

  /**
   * The page of a version of a task.
   * @throws {HttpProblem} 503 when too many requests wait for pages
   */
  async get(snapshot: TaskSnapshot): Promise<Buffer> {
    const make = () => this.inTurn(() => this.make(snapshot));
    const page = await this.pages.get(`${snapshot.id} ${snapshot.version}`, make);
    // Pages are also sent one per turn of the event loop.
    await new Promise<void>((resolve) => oneATurn(resolve));
    return page;
  }

  private async make({ id, version, answer }: TaskSnapshot): Promise<Buffer> {
    const [history, waiting] = await Promise.all([
      this.pageDetails.history(id, version),
      this.pageDetails.waiting(answer),
    ]);
    await new Promise<void>((resolve) => oneATurn(resolve));
    const task = viewOf(answer);
    const { hasCheckpoint } = answer;
    return Buffer.from(
      renderTaskPage({
        task,
        history,
        hasCheckpoint,
        ...waiting,
        resultLink: task.links.result,
        renderResult: this.extensions.get(task.type)?.renderResult,
      }),
    );
  }

  private async inTurn(work: () => Promise<Buffer>): Promise<Buffer> {
    if (this.inWork >= atOnce) {
      if (this.waiting.length >= maxWaiting) throw new TooBusy('Too many requests wait for pages.');
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    } else this.inWork += 1;
    try {
      return await work();
    } finally {
      // Other requests are served before the next page is made.
      setImmediate(() => this.next());
    }
  }

  /** Gives the place to the request that has waited longest. */
  private next(): void {
    const goOn = this.waiting.shift();
    if (goOn) goOn();
    else this.inWork -= 1;
  }
}
