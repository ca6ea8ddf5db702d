/** How a runner ended, in words that people are shown. */
export interface RunnerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of what it wrote to standard error. */
  readonly lastWords: string;
}

const outOfMemory = /out of memory|allocation failed|bad_alloc|cannot allocate memory/i;
/** What Node writes last of all when nothing has caught an error. */
const uncaught = /\nNode\.js v\d[^\n]*\s*$/;

/** Names the exit code or the signal, and the cause where it is known. Never quotes what the process wrote. */
export function describeExit({ code, signal, lastWords }: RunnerExit): string {
  const end = signal ? `ended by ${signal}` : `exit code ${code}`;
  if (!signal && code === null) return 'could not be started';
  if (outOfMemory.test(lastWords)) return `it ran out of memory, ${end}`;
  // Its supervisor blames nobody for the kills that it orders itself.
  if (signal === 'SIGKILL') return `${end} from outside, as the system does when memory runs out`;
  if (code === 1 && uncaught.test(lastWords)) return `an error that nothing caught, ${end}`;
  return end;
}
