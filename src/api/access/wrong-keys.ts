/**
 * Slows down clients that try keys. The answers to wrong keys are sent one after the other, at most ten a
 * second for all clients together. A request with a valid key is answered at once, whatever others try.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { seldom } from '../../logging/seldom.ts';
import { monotonicMs } from '../../scheduling/monotonic.ts';
import { HttpProblem } from '../http/problems.ts';

const spacingMs = 100;
/** At most this many answers wait; a further request with a wrong key gets a 429 at once. */
const mostWaiting = 100;

export class WrongKeys {
  private readonly say: () => void;
  private nextMs = 0;
  private waiting = 0;

  constructor(log: Logger) {
    this.say = seldom(() =>
      log.warn('wrong API keys or tokens are being tried; the answers are slowed down'),
    );
  }

  /**
   * Call before answering a wrong key; resolves when the answer may be sent.
   * @throws {HttpProblem} 429 when too many answers wait
   */
  async turn(): Promise<void> {
    this.say();
    if (this.waiting >= mostWaiting) {
      throw new HttpProblem(
        'too-many-wrong-keys',
        'Too many wrong keys have been sent. Try again in a while.',
        {
          headers: {
            'retry-after': String(Math.ceil((mostWaiting * spacingMs) / 1000)),
            connection: 'close',
          },
        },
      );
    }
    const nowMs = monotonicMs();
    const waitMs = Math.max(0, this.nextMs - nowMs);
    this.nextMs = nowMs + waitMs + spacingMs;
    this.waiting += 1;
    try {
      if (waitMs > 0) await sleep(waitMs, undefined, { ref: false });
    } finally {
      this.waiting -= 1;
    }
  }
}
