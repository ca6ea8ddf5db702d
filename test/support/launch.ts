/**
 * The one place where tests start processes. Each inherits the mark of the run, by which the watchdog finds it and
 * all that it starts, and ends them with the run: see `run/watchdog.ts`.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { runVariable, workerVariable } from './run/marks.ts';

/**
 * Like `spawn`; `options.env` may leave out anything but the mark, which is put back, and may name another folder
 * for temporary files within the run's.
 */
export function launch(file: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const { [runVariable]: run, [workerVariable]: worker, TMPDIR } = process.env;
  if (run === undefined) throw new Error(`${runVariable} is not set: nothing would end what is started here`);
  const given = options.env?.TMPDIR;
  const tmpdir = given?.startsWith(`${run}/`) ? given : TMPDIR;
  const marks = { [runVariable]: run, [workerVariable]: worker, TMPDIR: tmpdir };
  return spawn(file, args, { ...options, env: { ...(options.env ?? process.env), ...marks } });
}
