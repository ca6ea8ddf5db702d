/**
 * The one place where tests start processes. Each process inherits the mark of the run, by which the watchdog
 * finds the process and its children, and ends them with the run: see `run/watchdog.ts`.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { runVariable, workerVariable } from './run/marks.ts';

/**
 * Like `spawn`. `options.env` may leave out any variable, except that the mark is always added; it may name
 * another folder for temporary files inside the run's folder.
 */
export function launch(file: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const { [runVariable]: run, [workerVariable]: worker, TMPDIR } = process.env;
  if (run === undefined) throw new Error(`${runVariable} is not set: nothing would end what is started here`);
  const given = options.env?.TMPDIR;
  const tmpdir = given?.startsWith(`${run}/`) ? given : TMPDIR;
  const marks = { [runVariable]: run, [workerVariable]: worker, TMPDIR: tmpdir };
  return spawn(file, args, { ...options, env: { ...(options.env ?? process.env), ...marks } });
}
