/** How a runner ended, in words that people are shown. */
export interface RunnerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Headway killed it, or had given it up, so that it killed itself. */
  readonly wasOrdered: boolean;
  /** The end of what it wrote to standard error. */
  readonly lastWords: string;
}

/** What V8 and C++ write when they abort for want of memory; a job's own words may look like it. Stacks come after it. */
const outOfMemory =
  /^(FATAL ERROR: .*(heap|process) out of memory|terminate called after throwing .*std::bad_alloc)/m;
const abortWordsLength = 8_000;
/** What Node writes last of all when nothing has caught an error. */
const uncaught = /\nNode\.js v\d[^\n]*$/;

/** Names the exit code or the signal, and the cause where it is known. Never quotes what the process wrote. */
export function describeExit({ code, signal, wasOrdered, lastWords }: RunnerExit): string {
  const end = signal ? `ended by ${signal}` : `exit code ${code}`;
  if (!signal && code === null) return 'could not be started';
  const hasAborted = signal === 'SIGABRT' || code === 128 + 6;
  if (hasAborted && outOfMemory.test(lastWords.slice(-abortWordsLength)))
    return `it ran out of memory, ${end}`;
  if (signal === 'SIGKILL' && !wasOrdered)
    return `${end} from outside, as the system does when memory runs out`;
  if (code === 1 && uncaught.test(lastWords.trimEnd())) return `an error that nothing caught, ${end}`;
  return end;
}
