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
 * Starts a service, and stops it at the first SIGTERM or SIGHUP with the times given, at SIGINT with 3 s of grace;
 * at once at a second one. A start that is still under way is called off. Then ends the process: exit code 0, or
 * 1 where stopping failed.
 * @returns the service; undefined where a signal came first
 * @throws what keeps it from starting
 */
export async function startUntilSignal<Service extends Stoppable>(
  start: (calledOff: AbortSignal) => Promise<Service>,
  times: StopOptions,
  onStop: (signal: string, graceSeconds: number) => void,
): Promise<Service | undefined> {
  const callingOff = new AbortController();
  const { signal: calledOff } = callingOff;
  let service: Service | undefined;
  let firstAt: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (firstAt !== undefined) {
      if (performance.now() - firstAt > sameSignalMs) hurry(service);
      return;
    }
    firstAt = performance.now();
    const given = service ? timesFor(signal, times) : atOnce;
    onStop(signal, given.graceSeconds);
    exitAfter(1000 * Math.max(given.graceSeconds, given.drainSeconds) + overdueMs);
    callingOff.abort();
    void exitWhen(stopped(starting, given, calledOff));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  const starting = start(calledOff);
  try {
    service = await starting;
  } catch (error) {
    if (error !== calledOff.reason) throw error;
  }
  return calledOff.aborted ? undefined : service;
}

const atOnce: StopOptions = { graceSeconds: 0, drainSeconds: 0 };

function timesFor(signal: NodeJS.Signals, { graceSeconds, drainSeconds }: StopOptions): StopOptions {
  if (signal !== 'SIGINT') return { graceSeconds, drainSeconds };
  return { graceSeconds: Math.min(interruptGraceSeconds, graceSeconds), drainSeconds: 0 };
}

/** Resolves when a service has stopped, or its start was called off. */
async function stopped(
  starting: Promise<Stoppable>,
  times: StopOptions,
  calledOff: AbortSignal,
): Promise<void> {
  try {
    const service = await starting;
    await service.stop(times);
  } catch (error) {
    if (error !== calledOff.reason) throw error;
  }
}

async function exitWhen(stopping: Promise<void>): Promise<void> {
  try {
    await stopping;
    process.exit(0);
  } catch (error) {
    process.stderr.write(
      `headway: could not stop cleanly: ${error instanceof Error ? error.message : error}\n`,
    );
    process.exit(1);
  }
}

function hurry(service: Stoppable | undefined): void {
  service?.stopNow();
  exitAfter(atOnceMs);
}

/** What is left undone then is put right by leases, and by whoever starts next. */
function exitAfter(ms: number): void {
  const giveUp = () => {
    process.stderr.write('headway: could not stop in time; the next start puts right what is left\n');
    process.exit(1);
  };
  setTimeout(giveUp, ms).unref();
}
