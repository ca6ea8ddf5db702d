/** The log of a process. */
import { inspect } from 'node:util';
import { type DestinationStream, type Logger, pino } from 'pino';
import { standardOutput } from './log-output.ts';

/** Of an error, with its stack and causes. */
const maxErrorLength = 20_000;

/** The process's log: JSON lines on standard output, one an event, ids as fields, no payloads. */
export function createLog(level: string, name: string, output?: DestinationStream): Logger {
  const options = { level, base: { name, pid: process.pid }, serializers: { err: readable } };
  if (output) return pino(options, output);
  const standard = standardOutput();
  const log = pino(options, standard);
  standard.onLeftOut = (lines) => log.warn({ lines }, 'lines of the log were left out, as nobody took them');
  return log;
}

/** An error as it can be written, whatever it is: a job's may be frozen, circular, huge, or fight being read. */
function readable(error: unknown): unknown {
  try {
    const told = pino.stdSerializers.err(error as Error);
    if (JSON.stringify(told).length <= maxErrorLength) return told;
  } catch {
    // Then in the words of Node, which asks less of it.
  }
  return { message: inspected(error) };
}

function inspected(error: unknown): string {
  try {
    return inspect(error, { depth: 1, maxStringLength: 1_000, maxArrayLength: 10 }).slice(0, maxErrorLength);
  } catch {
    return 'It cannot be read';
  }
}
