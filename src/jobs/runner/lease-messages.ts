/**
 * The messages between a runner's main thread, its lease thread, and its supervisor. Those to and from the
 * supervisor are JSON, one line each, over an inherited pipe.
 */
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { z } from 'zod';

/** `deadlineMs`: by when the attempt should have stopped, in monotonic milliseconds. */
const runningAttempt = z.object({ taskId: z.string(), deadlineMs: z.number() });

export type RunningAttempt = z.infer<typeof runningAttempt>;

/**
 * `draining`: the runner takes no new work. `drained`: its last attempt has ended, too, so it can be killed.
 */
const runnerState = z.enum(['running', 'draining', 'drained']);

export type RunnerState = z.infer<typeof runnerState>;

/** The messages from a runner to its supervisor, sent by the lease thread. */
export const runnerMessage = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready') }),
  /** The runner was given up, and is about to kill itself. */
  z.object({ kind: z.literal('given_up') }),
  z.object({
    kind: z.literal('beat'),
    /** Milliseconds since the main loop last turned. */
    loopAgeMs: z.number(),
    attempts: z.array(runningAttempt),
    state: runnerState,
    /** How many claims without an answer the runner has handed back since its start. */
    handedBackClaims: z.number(),
  }),
]);

export type RunnerMessage = z.infer<typeof runnerMessage>;

/** The messages from the supervisor to a runner. */
export const supervisorMessage = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('stop'), graceMs: z.number() }),
  /** The runner is not needed any more, and must take no new work. */
  z.object({ kind: z.literal('retire') }),
]);

export type SupervisorMessage = z.infer<typeof supervisorMessage>;

/** Calls `onMessage` for each line of a stream. */
export function readMessages<Message>(
  stream: Readable,
  schema: z.ZodType<Message>,
  onMessage: (message: Message) => void,
): void {
  const lines = createInterface({ input: stream });
  lines.on('line', (line) => {
    const message = parseLine(schema, line);
    if (message !== undefined) onMessage(message);
  });
  // The interface emits the errors of its stream once more; the stream has its own listener for them. A pipe
  // is reset when a process is killed before it has read a message.
  lines.on('error', () => undefined);
}

/** Undefined for an incomplete line: the last one of a process that was killed while it wrote. */
function parseLine<Message>(schema: z.ZodType<Message>, line: string): Message | undefined {
  try {
    return schema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

export function encodeMessage(message: RunnerMessage | SupervisorMessage): string {
  return `${JSON.stringify(message)}\n`;
}

/** What the main thread tells its lease thread. `ready`: the worker's row exists, with its lease. */
export interface ToLeaseThread {
  readonly kind: 'ready';
}

/**
 * What the main thread leaves in shared memory for the beats of its lease thread, at each claim and each end:
 * hundreds of times a second.
 */
export interface RunnerWork {
  readonly attempts: readonly RunningAttempt[];
  readonly state: RunnerState;
  readonly handedBackClaims: number;
}

export const noWork: RunnerWork = { attempts: [], state: 'running', handedBackClaims: 0 };

/** At least what the JSON of a `RunnerWork` has: at most three attempts for each slot run or end (`SlotPlan`). */
export function maxWorkBytes(slots: number): number {
  return 1_000 + 100 * 3 * slots;
}

/**
 * What the lease thread tells its main thread. `listening`: orders that the supervisor had sent before the
 * thread began have been passed on. `trouble`, `answer`: the last renewal of the lease failed, or succeeded.
 */
export type FromLeaseThread =
  | SupervisorMessage
  | { readonly kind: 'listening' }
  | { readonly kind: 'trouble' }
  | { readonly kind: 'answer' };

export interface LeaseThreadData {
  readonly databaseUrl: string;
  readonly workerId: string;
  readonly leaseSeconds: number;
  /** One BigInt64: when the main loop last turned, in monotonic milliseconds. */
  readonly lastTurn: SharedArrayBuffer;
  /** The latest `RunnerWork`. */
  readonly work: SharedArrayBuffer;
}
