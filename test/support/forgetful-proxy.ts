/**
 * A proxy between Headway and PostgreSQL that behaves like a firewall which forgets its connections. Bytes on
 * a forgotten connection are lost, in both directions, and neither side gets an error.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';

interface Flow {
  readonly client: Socket;
  readonly server: Socket;
  isForgotten: boolean;
}

export class ForgetfulProxy implements AsyncDisposable {
  /** The database through the proxy. */
  readonly url: string;
  private readonly listener: Server;
  private readonly folder: string;
  private readonly socketFile: string;
  private readonly flows = new Set<Flow>();
  private isDown = false;
  private isRefusing = false;

  private constructor(databaseUrl: string, folder: string) {
    const { host, port } = new pg.Client({ connectionString: databaseUrl });
    const name = `.s.PGSQL.${port}`;
    const url = new URL(databaseUrl);
    url.searchParams.set('host', folder);
    this.url = url.href;
    this.folder = folder;
    this.socketFile = path.join(folder, name);
    this.listener = createServer((client) =>
      this.open(client, host.startsWith('/') ? connect(path.join(host, name)) : connect({ host, port })),
    );
  }

  static async start(databaseUrl: string): Promise<ForgetfulProxy> {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'headway-proxy-'));
    const proxy = new ForgetfulProxy(databaseUrl, folder);
    await new Promise<void>((resolve) => proxy.listener.listen(proxy.socketFile, resolve));
    return proxy;
  }

  /** Forgets all existing connections; new ones work. */
  forget(): void {
    for (const flow of this.flows) flow.isForgotten = true;
  }

  /** Forgets all existing connections, and each new one at once, until `up` is called. */
  down(): void {
    this.isDown = true;
    this.forget();
  }

  /** Cuts all existing connections, and each new one at once, until `up` is called. */
  refuse(): void {
    this.isRefusing = true;
    for (const flow of this.flows) flow.client.destroy();
  }

  /** New connections work again. */
  up(): void {
    this.isDown = false;
    this.isRefusing = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { client, server } of this.flows) {
      client.destroy();
      server.destroy();
    }
    await new Promise((resolve) => this.listener.close(resolve));
    await rm(this.folder, { recursive: true, force: true });
  }

  private open(client: Socket, server: Socket): void {
    if (this.isRefusing) client.destroy();
    const flow: Flow = { client, server, isForgotten: this.isDown };
    this.flows.add(flow);
    const pass = (from: Socket, to: Socket) => {
      from.on('error', () => undefined);
      from.on('data', (bytes) => flow.isForgotten || to.write(bytes));
      // If one side closes a forgotten connection, the other side does not learn of it either.
      from.on('close', () => flow.isForgotten || to.destroy());
    };
    pass(client, server);
    pass(server, client);
  }
}
