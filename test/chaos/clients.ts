/** Clients that submit tasks over HTTP, cancel and retry some, and remember which tasks were acknowledged. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from './random.ts';
import type { World } from './world.ts';

export interface Submit {
  readonly type: 'steps' | 'steps-once';
  readonly input: { steps: number; stepMs: number; holdMs?: number; holdsFirst?: boolean };
}

const answerMs = 15_000;

export class Clients {
  /** Tasks whose submit was acknowledged. */
  readonly acknowledged = new Set<string>();
  readonly askedToStop = new Set<string>();
  /** Submits that were refused, or whose answer was lost. */
  refused = 0;
  private readonly world: World;
  private readonly random: Random;
  private keys = 0;
  private loop: Promise<void> | undefined;
  private isStopping = false;

  constructor(world: World, random: Random) {
    this.world = world;
    this.random = random;
  }

  /** Submits tasks until `stop`, so that about `unfinished` of them are always unfinished. */
  keepSubmitting(unfinished: number, next: (random: Random) => Submit): void {
    const run = async () => {
      while (!this.isStopping) {
        const missing = unfinished - (await this.unfinished());
        for (let i = 0; i < missing; i += 1) await this.trySubmit(next(this.random));
        await sleep(100);
      }
    };
    this.loop = run();
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    await this.loop;
  }

  /** Repeats the submit, with the same key, until a parent acknowledges it. */
  async submit(request: Submit): Promise<string> {
    const key = this.newKey();
    for (;;) {
      const id = await this.trySubmit(request, key);
      if (id !== undefined) return id;
      await sleep(50);
    }
  }

  /** Cancels one of the unfinished tasks. @returns whether the cancel was accepted */
  async cancelOne(): Promise<boolean> {
    const id = await this.anyTask(`status IN ('queued', 'running')`);
    if (id === undefined) return false;
    // Before the answer comes: the cancel may take effect even if its answer is lost.
    this.askedToStop.add(id);
    return (await this.post(`/tasks/${id}/cancel`, {}))?.ok ?? false;
  }

  /** Retries a task that failed or was cancelled. @returns whether the retry was accepted */
  async retryOne(): Promise<boolean> {
    const id = await this.anyTask(`status IN ('failed', 'cancelled')`);
    return id !== undefined && ((await this.post(`/tasks/${id}/retry`, {}))?.ok ?? false);
  }

  private async anyTask(condition: string): Promise<string | undefined> {
    const rows = await this.world.query<{ id: string }>(
      `SELECT id FROM task_state WHERE ${condition} ORDER BY id`,
    );
    return rows.length === 0 ? undefined : this.random.pick(rows).id;
  }

  private async unfinished(): Promise<number> {
    const [row] = await this.world.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM task_state WHERE status IN ('queued', 'running')`,
    );
    return row?.count ?? 0;
  }

  private async trySubmit({ type, input }: Submit, key = this.newKey()): Promise<string | undefined> {
    const response = await this.post('/tasks', { type, input, key });
    const body = response?.ok ? await response.json().catch(() => undefined) : undefined;
    const { id } = (body ?? {}) as { id?: string };
    if (id === undefined) this.refused += 1;
    else this.acknowledged.add(id);
    return id;
  }

  private newKey(): string {
    this.keys += 1;
    return `chaos-${this.keys}`;
  }

  /** Undefined if no answer came. */
  private post(path: string, body: unknown): Promise<Response | undefined> {
    const { url } = this.random.pick(this.world.parents);
    return fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(answerMs),
    }).catch(() => undefined);
  }
}
