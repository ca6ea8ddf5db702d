import { type Logger, pino } from 'pino';

/** What waits for standard output to take lines again, as when the disk behind it is full; past this, lines are left out. */
const maxWaitingBytes = 1_000_000;

/** The process's log: JSON lines on standard output, one an event, ids as fields, no payloads. */
export function createLog(level: string, name: string): Logger {
  const output = pino.destination({ dest: 1, sync: true, maxLength: maxWaitingBytes });
  // A terminal that has hung up, or a full disk: what nobody can read is no reason to end in mid-work.
  output.on('error', () => undefined);
  return pino({ level, base: { name, pid: process.pid } }, output);
}
