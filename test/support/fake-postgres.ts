/**
 * A server with just enough of PostgreSQL's protocol to refuse connections, to report an old version, or to
 * hang.
 */
import { createServer, type Server, type Socket } from 'node:net';

export interface FakePostgres extends AsyncDisposable {
  readonly url: string;
}

/** Accepts connections and never answers. */
export function startMutePostgres(): Promise<FakePostgres> {
  return listen(() => undefined);
}

/** Refuses every connection with this SQLSTATE. */
export function startRefusingPostgres(code: string, message: string): Promise<FakePostgres> {
  return listen((socket) => {
    socket.once('data', () => socket.end(errorResponse(code, message)));
  });
}

/** Accepts every connection, has no tables, and answers SHOW with this version. */
export function startOldPostgres(versionNumber: string): Promise<FakePostgres> {
  return listen((socket) => {
    const ready = packet('Z', Buffer.from('I'));
    socket.once('data', () => {
      socket.write(Buffer.concat([packet('R', int32(0)), ready]));
      socket.on('data', (data) => {
        const isShow = data.toString().includes('SHOW');
        const answer = isShow
          ? row('server_version_num', versionNumber)
          : errorResponse('42P01', 'no such table');
        socket.write(Buffer.concat([answer, ready]));
      });
    });
  });
}

async function listen(serve: (socket: Socket) => void): Promise<FakePostgres> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('it listens on a port');
  return {
    url: `postgresql://headway:secret-word@127.0.0.1:${address.port}/app`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function errorResponse(code: string, message: string): Buffer {
  const fields = `SFATAL\0VFATAL\0C${code}\0M${message}\0\0`;
  return packet('E', Buffer.from(fields));
}

function row(column: string, value: string): Buffer {
  const field = Buffer.concat([
    Buffer.from(`${column}\0`),
    int32(0),
    int16(0),
    int32(25),
    int16(-1),
    int32(-1),
    int16(0),
  ]);
  const data = Buffer.concat([int16(1), int32(value.length), Buffer.from(value)]);
  return Buffer.concat([
    packet('T', Buffer.concat([int16(1), field])),
    packet('D', data),
    packet('C', Buffer.from('SHOW\0')),
  ]);
}

function packet(type: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
}

function int16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeInt16BE(value);
  return buffer;
}
