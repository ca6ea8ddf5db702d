/** When to stop, and how long running work may take: from the signals of a terminal or a service manager. */

/** Ctrl-C: a person waits. */
const interruptGraceSeconds = 3;
/** Past its grace a stop that still waits, for a database that does not answer, is given up. */
const overdueMs = 6_000;
/** How long a second signal leaves for runners to be taken back and PostgreSQL to be stopped. */
const atOnceMs = 2_500;
/** npm and a terminal both pass a Ctrl-C on: within this time two signals are one. */
const sameSignalMs = 500;

export interface StopOptions {
  /** For running attempts, and for requests in flight. */
  readonly graceSeconds: number;
  /** For how long requests are served at least. */
  readonly drainSeconds: number;
}

export interface Stoppable {
  stop(options: StopOptions): Promise<void>;
  stopNow(): void;
}

/**
 * Stops a service at the first SIGTERM or SIGHUP with the times given, at SIGINT with 3 s of grace; at once at a
 * second one; and one that is still starting as soon as it can be stopped. Ends the process: exit code 0, or 1
 * where stopping failed.
 */
export function stopOnSignals(
  starting: Promise<Stoppable>,
  { graceSeconds, drainSeconds }: StopOptions,
  onStop: (signal: string, graceSeconds: number) => void,
): void {
  let firstAt: number | undefined;
  let hasStarted = false;
  starting.then(() => {
    hasStarted = true;
  }, ignored);
  const timesFor = (signal: NodeJS.Signals): StopOptions => {
    if (!hasStarted) return { graceSeconds: 0, drainSeconds: 0 };
    if (signal !== 'SIGINT') return { graceSeconds, drainSeconds };
    return { graceSeconds: Math.min(interruptGraceSeconds, graceSeconds), drainSeconds: 0 };
  };
  const onSignal = (signal: NodeJS.Signals) => {
    if (firstAt !== undefined) {
      if (performance.now() - firstAt > sameSignalMs) {
        starting.then((service) => service.stopNow(), ignored);
        exitAfter(atOnceMs);
      }
      return;
    }
    firstAt = performance.now();
    const times = timesFor(signal);
    onStop(signal, times.graceSeconds);
    exitAfter(1000 * Math.max(times.graceSeconds, times.drainSeconds) + overdueMs);
    starting
      .then((service) => service.stop(times))
      .then(
        () => process.exit(0),
        (error) => {
          process.stderr.write(
            `headway: could not stop cleanly: ${error instanceof Error ? error.message : error}\n`,
          );
          process.exit(1);
        },
      );
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
}

/** That the start failed is said by whoever started it. */
const ignored = () => undefined;

/** What is left undone then is put right by leases, and by whoever starts next. */
function exitAfter(ms: number): void {
  const giveUp = () => {
    process.stderr.write('headway: could not stop in time; the next start puts right what is left\n');
    process.exit(1);
  };
  setTimeout(giveUp, ms).unref();
}
