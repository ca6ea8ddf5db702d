/** What a runner's threads and its supervisor tell each other: JSON, a line each, over an inherited pipe. */
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { z } from 'zod';

/** Monotonic milliseconds by which a running attempt should have stopped. */
const runningAttempt = z.object({ taskId: z.string(), deadlineMs: z.number() });

export type RunningAttempt = z.infer<typeof runningAttempt>;

/** `draining`: it takes nothing new. `drained`: and has nothing left that could be lost with it. */
const runnerState = z.enum(['running', 'draining', 'drained']);

export type RunnerState = z.infer<typeof runnerState>;

/** From the runner, by way of its lease thread. */
export const runnerMessage = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready') }),
  /** Somebody has taken its work from it: it is about to end itself. */
  z.object({ kind: z.literal('given_up') }),
  z.object({
    kind: z.literal('beat'),
    /** Since the main loop last turned. */
    loopAgeMs: z.number(),
    attempts: z.array(runningAttempt),
    state: runnerState,
    /** Since it started: claims without an answer that it has handed back. */
    handedBackClaims: z.number(),
  }),
]);

export type RunnerMessage = z.infer<typeof runnerMessage>;

/** From the supervisor. */
export const supervisorMessage = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('stop'), graceMs: z.number() }),
  /** It is not needed any more: take nothing new. */
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
  // It repeats the errors of its stream, which has listeners of its own: a pipe is reset where a process
  // was killed with a message unread.
  lines.on('error', () => undefined);
}

/** Undefined for the torn last line of a process that was killed while it wrote. */
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

/** What the main thread tells its lease thread; `ready`: the worker's row is there, with its lease. */
export type ToLeaseThread =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'attempts';
      readonly attempts: readonly RunningAttempt[];
      readonly state: RunnerState;
      readonly handedBackClaims: number;
    };

/** What the lease thread tells its main thread; `listening`: what the supervisor had said before has been passed on. */
export type FromLeaseThread =
  | SupervisorMessage
  | { readonly kind: 'listening' }
  | { readonly kind: 'trouble' }
  | { readonly kind: 'contact' };

export interface LeaseThreadData {
  readonly databaseUrl: string;
  readonly workerId: string;
  readonly leaseSeconds: number;
  /** One BigInt64: when the main loop last turned, in monotonic milliseconds. */
  readonly lastTurn: SharedArrayBuffer;
}
