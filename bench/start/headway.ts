/** Headway as `npm start` starts it. */
import { once } from 'node:events';
import { projectDir } from '../../src/config.ts';
import { launch } from '../../test/support/launch.ts';
import { freePort } from '../../test/support/ports.ts';
import { answers } from './answers.ts';

export interface HeadwayFolders {
  readonly data: string;
  /** Where Node keeps compiled code. */
  readonly compiled: string;
}

/** Seconds from `npm start` to the first 200 of `/readyz`. Afterwards the service is stopped. */
export async function startHeadway({ data, compiled }: HeadwayFolders): Promise<number> {
  const port = await freePort();
  const { DATABASE_URL: _elsewhere, ...env } = process.env;
  const begunMs = performance.now();
  const npm = launch('npm', ['start'], {
    cwd: projectDir,
    env: { ...env, PORT: String(port), HEADWAY_DATA_DIR: data, NODE_COMPILE_CACHE: compiled },
    stdio: 'ignore',
  });
  const ended = once(npm, 'exit');
  const died = ended.then(() => Promise.reject(new Error('npm start has ended')));
  died.catch(() => undefined);
  await Promise.race([answers(`http://127.0.0.1:${port}/readyz`), died]);
  const seconds = (performance.now() - begunMs) / 1000;
  npm.kill('SIGTERM');
  await ended;
  return seconds;
}
