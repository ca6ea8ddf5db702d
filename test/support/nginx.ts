/**
 * A real nginx with the configuration that the README recommends, unchanged except for ports and folders.
 * If nginx is not installed, the tests that need it are skipped, and a line says so.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { eventually } from './eventually.ts';
import { launch } from './launch.ts';
import { freePort } from './ports.ts';
import { findProgram } from './programs.ts';

const nginxPath = findProgram('nginx', 'nginx-light');

/** For `describe.skipIf(!hasNginx)`. */
export const hasNginx = nginxPath !== undefined;

export class Nginx implements AsyncDisposable {
  readonly url: string;
  private readonly folder: string;
  private readonly child: ChildProcess;

  private constructor(url: string, folder: string, child: ChildProcess) {
    this.url = url;
    this.folder = folder;
    this.child = child;
  }

  /** Starts nginx in front of the services at these ports of this machine. */
  static start(...ports: number[]): Promise<Nginx> {
    return Nginx.startWith('', ports);
  }

  /** Starts an nginx that compresses all that it passes on. */
  static startCompressing(...ports: number[]): Promise<Nginx> {
    return Nginx.startWith(
      'gzip on; gzip_proxied any; gzip_min_length 0; gzip_types application/json;',
      ports,
    );
  }

  private static async startWith(settings: string, ports: readonly number[]): Promise<Nginx> {
    if (nginxPath === undefined) throw new Error('nginx is not installed');
    const folder = await mkdtemp(path.join(os.tmpdir(), 'headway-nginx-'));
    const listenPort = await freePort();
    const recommended = (await recommendedConfig())
      .replace('listen 80;', `listen 127.0.0.1:${listenPort};`)
      .replace(/server 127\.0\.0\.1:3000(.*)/, (_line, options: string) =>
        ports.map((port) => `server 127.0.0.1:${port}${options}`).join('\n'),
      )
      .replace('/var/cache/nginx/headway', path.join(folder, 'cache'));
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((kind) => `${kind}_temp_path ${folder}/${kind};`)
      .join('\n');
    await writeFile(
      path.join(folder, 'nginx.conf'),
      `daemon off; master_process off; pid ${folder}/pid; error_log stderr;
       events { worker_connections 1024; }
       http { access_log off; ${settings} ${temporary}\n${recommended} }`,
    );
    const child = launch(nginxPath, ['-p', folder, '-e', 'stderr', '-c', path.join(folder, 'nginx.conf')]);
    let complaints = '';
    child.stderr?.on('data', (chunk) => {
      complaints += chunk;
    });
    const url = `http://127.0.0.1:${listenPort}`;
    const nginx = new Nginx(url, folder, child);
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(complaints);
      return (await fetch(`${url}/healthz`)).ok;
    });
    return nginx;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGTERM');
    await exited;
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** The one block of nginx configuration in the README. */
async function recommendedConfig(): Promise<string> {
  const readme = await readFile(path.join(import.meta.dirname, '../../README.md'), 'utf8');
  const [, config] = /^```nginx\n(.*?)^```$/ms.exec(readme) ?? [];
  if (config === undefined) throw new Error('the README recommends no nginx configuration');
  return config;
}
