/**
 * The most that Fastify can do, in a process of its own: one route, which sends a prebuilt buffer with the headers
 * of a real poll. The parent is told the address.
 */
import Fastify from 'fastify';

const [bodyText = '', headersText = '{}'] = process.argv.slice(2);
const body = Buffer.from(bodyText);
const headers = JSON.parse(headersText) as Record<string, string>;

const app = Fastify();
app.get('/tasks/:id', (request, reply) => {
  reply.headers(headers);
  if (request.headers['if-none-match'] !== undefined) reply.code(304).send();
  else reply.header('content-type', 'application/json; charset=utf-8').send(body);
});
process.on('disconnect', () => process.exit());
process.send?.({ url: await app.listen({ host: '127.0.0.1', port: 0 }) });
