/**
 * The textbook version of a poll, in a process of its own: Fastify, and one `findUnique` of Prisma for each request.
 * The parent is told the address.
 */
import Fastify from 'fastify';
import { openDatabase } from '../../src/database/database.ts';

const [databaseUrl = ''] = process.argv.slice(2);
const { prisma } = openDatabase(databaseUrl, { name: 'textbook' });

const app = Fastify();
app.get('/tasks/:id', (request) => {
  const { id } = request.params as { id: string };
  return prisma.taskState.findUnique({ where: { id } });
});
process.on('disconnect', () => process.exit());
process.send?.({ url: await app.listen({ host: '127.0.0.1', port: 0 }) });
