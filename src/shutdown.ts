/**
 * Stops the service on a signal of a terminal or a service manager; the signal decides how long work may
 * take.
 */

/** The grace period after Ctrl-C: short, because a person waits. */
const interruptGraceSeconds = 3;
/** How long a stop may take beyond its grace period, such as for a database that does not answer. */
const overdueMs = 6_000;
/**
 * How long the stop may take after a second signal: to take tasks back from runners and to stop PostgreSQL.
 */
const atOnceMs = 2_500;
/** The terminal and npm both send a Ctrl-C to this process, so two signals within this time count as one. */
const sameSignalMs = 500;

export interface StopOptions {
  /** How long running attempts and open requests may take. */
  readonly graceSeconds: number;
  /** For how long new requests are served at least. */
  readonly drainSeconds: number;
}

export interface Stoppable {
  stop(options: StopOptions): Promise<void>;
  stopNow(): void;
}

/**
 * Starts a service, and stops it at the first signal: on SIGTERM and SIGHUP with the given times, on SIGINT
 * with at most 3 s of grace. A second signal stops it at once; a signal during the start calls the start off.
 * After the stop the process ends, with exit code 0, or 1 if the stop failed.
 * @returns the service; undefined if a signal came before it had started
 * @throws the error that keeps the service from starting
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

/** Resolves when the service has stopped, or when its start has been called off. */
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

/**
 * Ends the process after a time, finished or not: leases and the next start put right what the stop has not
 * done.
 */
function exitAfter(ms: number): void {
  const giveUp = () => {
    process.stderr.write('headway: could not stop in time; the next start puts the rest right\n');
    process.exit(1);
  };
  setTimeout(giveUp, ms).unref();
}
