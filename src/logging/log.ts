/** The log of a process. */
import { inspect } from 'node:util';
import { type DestinationStream, type Logger, pino } from 'pino';

/** What waits for standard output to take lines again, as when the disk behind it is full; past this, lines are left out. */
const maxWaitingBytes = 1_000_000;
/** Of an error, with its stack and causes. */
const maxErrorLength = 20_000;

/** The process's log: JSON lines on standard output, one an event, ids as fields, no payloads. */
export function createLog(level: string, name: string, output: DestinationStream = standardOutput()): Logger {
  return pino({ level, base: { name, pid: process.pid }, serializers: { err: readable } }, output);
}

function standardOutput(): DestinationStream {
  const output = pino.destination({ dest: 1, sync: true, maxLength: maxWaitingBytes });
  // A terminal that has hung up, or a full disk: what nobody can read is no reason to end in mid-work.
  output.on('error', () => undefined);
  return output;
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
