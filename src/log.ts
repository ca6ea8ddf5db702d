import { type Logger, pino } from 'pino';

/** The process's log: JSON lines on standard output, one an event, ids as fields, no payloads. */
export function createLog(level: string, name: string): Logger {
  return pino({ level, base: { name, pid: process.pid } });
}
