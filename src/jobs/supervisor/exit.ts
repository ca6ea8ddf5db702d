/** Describes how a runner ended, in words for the log and the task's page. */
/** How a runner may end, with the meaning of each kind in the metrics. */
export const runnerEnds = {
  wanted: 'it was not needed any more, or the service stopped',
  died: 'it crashed or was killed',
  given_up: 'it was given up: its lease had lapsed, or a task blocked it past its deadline',
} as const;

export type RunnerEnd = keyof typeof runnerEnds;

export interface RunnerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Headway killed the runner, or had given it up, so that the runner killed itself. */
  readonly wasOrdered: boolean;
  /** The last part of what the runner wrote to standard error. */
  readonly stderrTail: string;
}

/**
 * What V8 and C++ write when they abort because memory ran out. A stack follows, so this line is not the last
 * one. A job may write such a line, too, so only the tail of an aborted process is searched.
 */
const outOfMemory =
  /^(FATAL ERROR: .*(heap|process) out of memory|terminate called after throwing .*std::bad_alloc)/m;
const abortTailLength = 8_000;
/** The last line that Node writes when no code has caught an error. */
const uncaught = /\nNode\.js v\d[^\n]*$/;

/** Names the exit code or the signal, and the cause if it is known. Never quotes what the process wrote. */
export function describeExit({ code, signal, wasOrdered, stderrTail }: RunnerExit): string {
  const end = signal ? `ended by ${signal}` : `exit code ${code}`;
  if (!signal && code === null) return 'could not be started';
  const hasAborted = signal === 'SIGABRT' || code === 128 + 6;
  if (hasAborted && outOfMemory.test(stderrTail.slice(-abortTailLength)))
    return `it ran out of memory, ${end}`;
  if (signal === 'SIGKILL' && !wasOrdered)
    return `${end} from outside, as the system does when memory runs out`;
  if (code === 1 && uncaught.test(stderrTail.trimEnd())) return `an error that nothing caught, ${end}`;
  return end;
}
