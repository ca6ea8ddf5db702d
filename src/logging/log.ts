/** The log of a process. */
import { inspect } from 'node:util';
import { type DestinationStream, type Logger, pino } from 'pino';
import { standardOutput } from './log-output.ts';

/** How long the text of an error may be, with its stack and causes. */
const maxErrorLength = 20_000;

/** The process's log: JSON lines on standard output, one per event, with ids as fields, without payloads. */
export function createLog(level: string, name: string, output?: DestinationStream): Logger {
  const options = { level, base: { name, pid: process.pid }, serializers: { err: readable } };
  if (output) return pino(options, output);
  const standard = standardOutput();
  const log = pino(options, standard);
  standard.onLeftOut = (lines) =>
    log.warn({ lines }, 'lines of the log were left out, as nobody read them in time');
  return log;
}

/**
 * An error in a form that can be written. An error of a job may be frozen, circular or huge, or may throw
 * when it is read.
 */
function readable(error: unknown): unknown {
  try {
    const serialised = pino.stdSerializers.err(error as Error);
    if (JSON.stringify(serialised).length <= maxErrorLength) return serialised;
  } catch {
    // Then Node's `inspect` describes it, which reads less of the error.
  }
  return { message: inspected(error) };
}

function inspected(error: unknown): string {
  try {
    return inspect(error, { depth: 1, maxStringLength: 1_000, maxArrayLength: 10 }).slice(0, maxErrorLength);
  } catch {
    return 'The error cannot be read';
  }
}
