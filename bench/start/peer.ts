/**
 * What Headway's start is compared with: `initdb`, `postgres` and a bare Fastify, one after the other. As root,
 * the two programs of PostgreSQL run as the user that Headway would choose.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { projectDir } from '../../src/config.ts';
import { type Binaries, nativeFolder, prepareBinaries } from '../../src/database/embedded/binaries.ts';
import { chooseIdentity, commandFor } from '../../src/database/embedded/identity.ts';
import { launch } from '../../test/support/launch.ts';
import { freePort } from '../../test/support/ports.ts';
import { answers } from './answers.ts';

export interface PeerPrograms extends Binaries {
  /** Whose programs these are. */
  readonly name: string;
}

const debian = '/usr/lib/postgresql';

/** Debian's PostgreSQL of the latest version, or the one that comes with Headway where there is none. */
export async function findPeer(): Promise<PeerPrograms> {
  const versions = (await readdir(debian).catch(() => [])).sort((a, b) => Number(b) - Number(a));
  const [version] = versions;
  if (version === undefined)
    return { name: "Headway's own PostgreSQL, as Debian's is not installed", ...(await ownPrograms()) };
  const program = (name: string) => path.join(debian, version, 'bin', name);
  return { name: `Debian's PostgreSQL ${version}`, initdb: program('initdb'), postgres: program('postgres') };
}

function ownPrograms(): Promise<Binaries> {
  return prepareBinaries(nativeFolder());
}

/** Seconds from the start of initdb to the first answer of Fastify, and those of the parts. */
export async function startPeer(
  folder: string,
  { initdb, postgres }: PeerPrograms,
): Promise<{ all: number; withoutInitdb: number }> {
  const { identity } = await chooseIdentity(folder, postgres);
  const data = path.join(folder, 'data');
  const port = await freePort();
  const begunMs = performance.now();

  const making = commandFor(identity, initdb, [
    ...['-D', data, '-U', 'postgres', '--auth=trust', '-E', 'UTF8', '--locale=C'],
  ]);
  await promisify(execFile)(making.file, making.args, { ...making.options, cwd: folder });
  const madeMs = performance.now();

  const serving = commandFor(identity, postgres, ['-D', data, '-k', folder, '-c', 'listen_addresses=']);
  const server = launch(serving.file, serving.args, { ...serving.options, cwd: folder, stdio: 'ignore' });
  await accepts(folder);

  const fastify = launch(process.execPath, ['--input-type=module', '--eval', bareFastify(port)], {
    cwd: projectDir,
    stdio: 'ignore',
  });
  await answers(`http://127.0.0.1:${port}/`);
  const answeredMs = performance.now();

  fastify.kill();
  server.kill('SIGINT');
  await once(server, 'exit');
  return { all: (answeredMs - begunMs) / 1000, withoutInitdb: (answeredMs - madeMs) / 1000 };
}

async function accepts(folder: string): Promise<void> {
  for (;;) {
    const client = new pg.Client({ host: folder, user: 'postgres', database: 'postgres' });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return await client.end();
    } catch {
      await sleep(10);
    }
  }
}

function bareFastify(port: number): string {
  return `
    import Fastify from 'fastify';
    const app = Fastify();
    app.get('/', async () => ({ status: 'ready' }));
    await app.listen({ port: ${port} });`;
}
