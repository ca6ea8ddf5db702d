/**
 * A real PgBouncer in front of a database. If PgBouncer is not installed, the tests that need it are skipped,
 * and a line says so.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { isRoot } from './embedded.ts';
import { eventually } from './eventually.ts';
import { launch } from './launch.ts';
import { freePort } from './ports.ts';
import { findProgram } from './programs.ts';

const pgbouncerPath = findProgram('pgbouncer', 'pgbouncer');

/** For `describe.skipIf(!hasPgBouncer)`. */
export const hasPgBouncer = pgbouncerPath !== undefined;

export type PoolMode = 'session' | 'transaction' | 'statement';

export class PgBouncer implements AsyncDisposable {
  /** The database through the pooler. */
  readonly url: string;
  private readonly folder: string;
  /**
   * The owner of PostgreSQL's socket folder, if the tests run as root. PgBouncer runs as this user, because it
   * refuses to run as root, and no other user may enter the folder.
   */
  private readonly owner: { uid: number; gid: number } | undefined;
  private child: ChildProcess | undefined;

  private constructor(url: string, folder: string, owner: PgBouncer['owner']) {
    this.url = url;
    this.folder = folder;
    this.owner = owner;
  }

  /** @param settings further settings for the section `[pgbouncer]` of its configuration */
  static async start(
    databaseUrl: string,
    mode: PoolMode,
    settings: Record<string, string | number> = {},
  ): Promise<PgBouncer> {
    const { host, port, user, database } = new pg.Client({ connectionString: databaseUrl });
    const folder = await mkdtemp(path.join(os.tmpdir(), 'headway-pgbouncer-'));
    await chmod(folder, 0o755);
    const listenPort = await freePort();
    const all = {
      listen_addr: '127.0.0.1',
      listen_port: listenPort,
      unix_socket_dir: '',
      auth_type: 'any',
      pool_mode: mode,
      default_pool_size: 60,
      ...settings,
    };
    const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`);
    const target = `${database} = host=${host} port=${port} user=${user} dbname=${database}`;
    await writeFile(
      path.join(folder, 'pgbouncer.ini'),
      `[databases]\n${target}\n[pgbouncer]\n${lines.join('\n')}\n`,
    );
    const owner = isRoot && host.startsWith('/') ? await stat(host) : undefined;
    const url = `postgresql://someone@127.0.0.1:${listenPort}/${database}`;
    const pooler = new PgBouncer(url, folder, owner && { uid: owner.uid, gid: owner.gid });
    await pooler.run();
    return pooler;
  }

  /** Ends PgBouncer and starts it again, which cuts all connections. */
  async restart(): Promise<void> {
    await this.end();
    await this.run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    await rm(this.folder, { recursive: true, force: true });
  }

  private async run(): Promise<void> {
    if (pgbouncerPath === undefined) throw new Error('PgBouncer is not installed');
    const child = launch(pgbouncerPath, [path.join(this.folder, 'pgbouncer.ini')], this.owner);
    this.child = child;
    let said = '';
    child.stderr?.on('data', (chunk) => {
      said += chunk;
    });
    const isUp = await eventually(() => {
      if (said.includes('process up')) return 'yes';
      return child.exitCode === null ? undefined : 'no';
    });
    if (isUp === 'no') throw new Error(said);
  }

  private async end(): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    // SIGQUIT ends PgBouncer at once. On SIGTERM, newer versions wait until all clients have left.
    child.kill('SIGQUIT');
    await exited;
  }
}
