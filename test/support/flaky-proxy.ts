/**
 * A proxy between Headway and PostgreSQL that misbehaves on demand, as networks do: it loses the answer to a
 * statement that was executed, delivers a statement after its client has gone, or stops passing on bytes.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';

/**
 * Recognises a statement by texts in the bytes that a client sends: SQL, or the name of a prepared statement.
 */
export interface Trigger {
  /** A text of the statement to disturb. */
  readonly statement: string;
  /** If given, the connection's transaction must have sent this text before. */
  readonly after?: string;
}

/** A statement that the server has not seen yet. */
export interface HeldStatement {
  /** All that its transaction has sent, including this statement. */
  readonly sent: string;
  /** Passes the statement on to the server; resolves when the server has answered. */
  deliver(): Promise<void>;
}

interface Fault {
  readonly trigger: Trigger;
  readonly kind: 'loseAnswer' | 'keepAnswer' | 'holdBack' | 'delay';
  readonly happened: PromiseWithResolvers<HeldStatement>;
}

/** One connection through the proxy. */
interface Link {
  readonly client: Socket;
  readonly server: Socket;
  /** What the client has sent since its last BEGIN. */
  sent: string;
  /** The fault that keeps the answers of the server from the client. */
  losing: Fault | undefined;
  /** Bytes of the client that wait for the end of a stall. */
  stalled: Buffer[];
  /** What the server has answered since the statement whose answer is lost. */
  answered: string;
}

/** Limits how much `sent` keeps, because a connection may live for ever without a BEGIN. */
const maxSent = 100_000;

/** Whether the bytes end with ReadyForQuery: PostgreSQL has then answered all statements. */
const isReady = (bytes: Buffer) => bytes.at(-6) === 0x5a && bytes.readInt32BE(bytes.length - 5) === 5;

export class FlakyProxy implements AsyncDisposable {
  /** The database through the proxy. */
  readonly url: string;
  private readonly listener: Server;
  private readonly folder: string;
  private readonly target: { host: string; port: number };
  private readonly links = new Set<Link>();
  private readonly sockets = new Set<Socket>();
  private faults: Fault[] = [];
  private stalledTexts: readonly string[] = [];
  private isFrozen = false;

  private constructor(databaseUrl: string, folder: string) {
    const { host, port } = new pg.Client({ connectionString: databaseUrl });
    this.folder = folder;
    this.target = { host, port };
    const url = new URL(databaseUrl);
    url.searchParams.set('host', folder);
    this.url = url.href;
    this.listener = createServer((client) => this.link(client));
  }

  static async start(databaseUrl: string): Promise<FlakyProxy> {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'headway-proxy-'));
    const proxy = new FlakyProxy(databaseUrl, folder);
    const socket = path.join(folder, `.s.PGSQL.${proxy.target.port}`);
    await new Promise<void>((resolve) => proxy.listener.listen(socket, resolve));
    return proxy;
  }

  /** Cuts off the client of the next such statement once the server has executed it. Resolves after that. */
  async loseAnswer(trigger: Trigger): Promise<void> {
    await this.add('loseAnswer', trigger);
  }

  /** Lets the client of the next such statement wait for its answer for ever. Resolves once the server has executed it. */
  async keepAnswer(trigger: Trigger): Promise<void> {
    await this.add('keepAnswer', trigger);
  }

  /** Cuts off the client of the next such statement, and keeps the statement until it is delivered. */
  holdBack(trigger: Trigger): Promise<HeldStatement> {
    return this.add('holdBack', trigger);
  }

  /** Keeps the next such statement until it is delivered; its client waits for the answer. */
  delay(trigger: Trigger): Promise<HeldStatement> {
    return this.add('delay', trigger);
  }

  /** Forgets all faults that have been requested and have not happened yet. */
  forget(): void {
    this.faults = [];
  }

  /**
   * From now on, holds back statements with one of these texts, and all that their client sends after them.
   */
  stall(texts: readonly string[]): void {
    this.stalledTexts = texts;
  }

  /** Passes on all that is held back, except from clients that have left. */
  unstall(): void {
    this.stalledTexts = [];
    for (const link of this.links) for (const bytes of link.stalled.splice(0)) this.fromClient(link, bytes);
  }

  /** Passes no bytes on, in either direction. Connections stay open, and new ones are accepted. */
  freeze(): void {
    this.isFrozen = true;
    for (const { client, server } of this.links) {
      client.pause();
      server.pause();
    }
  }

  thaw(): void {
    this.isFrozen = false;
    for (const { client, server } of this.links) {
      client.resume();
      server.resume();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.listener.close(resolve));
    await rm(this.folder, { recursive: true, force: true });
  }

  private add(kind: Fault['kind'], trigger: Trigger): Promise<HeldStatement> {
    const happened = Promise.withResolvers<HeldStatement>();
    this.faults.push({ kind, trigger, happened });
    return happened.promise;
  }

  private link(client: Socket): void {
    const { host, port } = this.target;
    const server = host.startsWith('/')
      ? connect(path.join(host, `.s.PGSQL.${port}`))
      : connect({ host, port });
    const link: Link = { client, server, sent: '', losing: undefined, stalled: [], answered: '' };
    this.links.add(link);
    for (const socket of [client, server]) {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.sockets.delete(socket));
    }
    if (this.isFrozen) {
      client.pause();
      server.pause();
    }
    client.on('data', (bytes) => this.fromClient(link, bytes));
    server.on('data', (bytes) => this.fromServer(link, bytes));
    client.on('close', () => this.links.delete(link) && server.end());
    server.on('close', () => client.destroy());
  }

  private fromClient(link: Link, bytes: Buffer): void {
    const text = bytes.toString('latin1');
    const mustWait = link.stalled.length > 0 || this.stalledTexts.some((stalled) => text.includes(stalled));
    if (mustWait) return void link.stalled.push(bytes);
    if (text.includes('BEGIN')) link.sent = '';
    // Add the text first: the `after` statement and this one may arrive in the same bytes.
    link.sent = (link.sent + text).slice(-maxSent);
    const fault = this.faults.find(
      ({ trigger }) => text.includes(trigger.statement) && link.sent.includes(trigger.after ?? ''),
    );
    if (!fault) return void link.server.write(bytes);
    this.faults = this.faults.filter((other) => other !== fault);
    if (fault.kind === 'loseAnswer' || fault.kind === 'keepAnswer') {
      link.losing = fault;
      link.server.write(bytes);
      return;
    }
    if (fault.kind === 'holdBack') this.cutOff(link);
    fault.happened.resolve({ sent: link.sent, deliver: () => deliver(link.server, bytes) });
  }

  private fromServer(link: Link, bytes: Buffer): void {
    if (!link.losing) return void link.client.write(bytes);
    link.answered += bytes.toString('latin1');
    // Only the tag COMMIT in its own answer tells that the transaction was committed.
    const isCommit = link.losing.trigger.statement === 'COMMIT';
    if (!isReady(bytes) || (isCommit && !link.answered.includes('COMMIT\0'))) return;
    if (link.losing.kind === 'loseAnswer') {
      this.cutOff(link);
      link.server.end();
    }
    link.losing.happened.resolve({ sent: link.sent, deliver: async () => undefined });
  }

  /** Cuts the client's side only, so that the server does not notice. */
  private cutOff(link: Link): void {
    this.links.delete(link);
    link.client.destroy();
  }
}

function deliver(server: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const onAnswer = (answer: Buffer) => {
      if (!isReady(answer)) return;
      server.off('data', onAnswer);
      resolve();
    };
    server.on('data', onAnswer);
    server.write(bytes);
  });
}
