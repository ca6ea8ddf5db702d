/**
 * The textbook version of a submit, in a process of its own: Fastify, and one `send` of pg-boss with its stock
 * settings for each request. The parent is told the address.
 */
import Fastify from 'fastify';
import { PgBoss } from 'pg-boss';

const [databaseUrl = ''] = process.argv.slice(2);
const queue = 'textbook';

const boss = new PgBoss(databaseUrl);
boss.on('error', () => undefined);
await boss.start();
await boss.createQueue(queue);
const app = Fastify();
app.post('/tasks', async (request, reply) => {
  const { input } = request.body as { input: object };
  const id = await boss.send(queue, { input });
  return reply.code(202).header('location', `/tasks/${id}`).send({ id, status: 'queued' });
});
process.on('disconnect', () => process.exit());
process.send?.({ url: await app.listen({ host: '127.0.0.1', port: 0 }) });
