/** Reading bodies by hand. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { readBody } from '../../src/api/http/body.ts';

/** A request whose client sends `sentBytes` of `announcedBytes`, and hangs up. */
async function requestWith(sentBytes: number, announcedBytes: number) {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => undefined);
  client.write(`POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${announcedBytes}\r\n\r\n`);
  client.end(Buffer.alloc(sentBytes, 'x'), () => client.destroy());
  const [request] = (await once(server, 'request')) as [IncomingMessage];
  request.on('error', () => undefined);
  const close = () => {
    client.destroy();
    server.closeAllConnections();
    server.close();
  };
  return { request, [Symbol.dispose]: close };
}

/** Resolves with or without an error, unlike `once`. */
function closed({ socket }: IncomingMessage): Promise<unknown> {
  return new Promise((resolve) => socket.once('close', resolve));
}

async function sizeOf(body: AsyncIterable<Buffer>): Promise<number> {
  let size = 0;
  for await (const bytes of body) size += bytes.length;
  return size;
}

test('a complete body can be read after its client has gone', async () => {
  using connection = await requestWith(5000, 5000);
  await closed(connection.request);

  expect(await sizeOf(readBody(connection.request))).toBe(5000);
});

test('a body that was cut off fails, also after its client has gone', async () => {
  using connection = await requestWith(5000, 5001);
  await closed(connection.request);

  await expect(sizeOf(readBody(connection.request))).rejects.toThrow('middle of the body');
});

test('a body is read no faster than it is used', async () => {
  using connection = await requestWith(50_000_000, 50_000_000);
  const body = readBody(connection.request);

  await body.next();
  // Time in which more could be read. On a busy machine nothing may be read: then the test shows less.
  await sleep(100);

  expect(connection.request.socket.bytesRead).toBeLessThan(1_000_000);
});
