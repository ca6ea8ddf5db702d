/**
 * One of the compared servers, in a separate process:
 * `bare` sends a prebuilt buffer with the headers of a real poll, which is the most that Fastify can do;
 * `textbook` reads the row from Prisma for each request; `headway` is the service without runners, or with
 * one.
 */
import path from 'node:path';
import Fastify from 'fastify';
import { loadConfig } from '../../src/config.ts';
import { openDatabase } from '../../src/database/database.ts';
import { startService } from '../../src/start.ts';

export type ServerKind = 'bare' | 'textbook' | 'headway' | 'headway-with-runner';

/**
 * The messages of the parent. `answer`: what `bare` must send. `usage`: asks for the processor time used so
 * far.
 */
export type Question = { kind: 'answer'; body: string; headers: Record<string, string> } | { kind: 'usage' };

const [kind, databaseUrl = ''] = process.argv.slice(2);
const listen = { host: '127.0.0.1', port: 0 };

process.on('message', (question: Question) => {
  if (question.kind === 'answer') {
    answer = { body: Buffer.from(question.body), headers: question.headers };
    process.send?.({ kind: 'ready' });
  } else {
    const { user, system } = process.cpuUsage();
    process.send?.({ kind: 'usage', cpuMs: (user + system) / 1000, rssMb: process.memoryUsage.rss() / 1e6 });
  }
});
process.on('disconnect', () => process.exit());

let answer = { body: Buffer.alloc(0), headers: {} as Record<string, string> };

process.send?.({ kind: 'listening', url: await start() });

function start(): Promise<string> {
  if (kind === 'bare') return startBare();
  return kind === 'textbook' ? startTextbook() : startHeadway(kind === 'headway' ? '0' : '1');
}

function startBare(): Promise<string> {
  const app = Fastify();
  app.get('/tasks/:id', (request, reply) => {
    reply.headers(answer.headers);
    if (request.headers['if-none-match'] !== undefined) reply.code(304).send();
    else reply.header('content-type', 'application/json; charset=utf-8').send(answer.body);
  });
  return app.listen(listen);
}

function startTextbook(): Promise<string> {
  const { prisma } = openDatabase(databaseUrl, { name: 'textbook' });
  const app = Fastify();
  app.get('/tasks/:id', (request) => {
    const { id } = request.params as { id: string };
    return prisma.taskState.findUnique({ where: { id } });
  });
  return app.listen(listen);
}

async function startHeadway(runners: string): Promise<string> {
  const config = loadConfig({
    DATABASE_URL: databaseUrl,
    PORT: '0',
    HEADWAY_RUNNERS: runners,
    HEADWAY_JOBS_DIR: path.join(import.meta.dirname, '../jobs'),
    HEADWAY_LOG_LEVEL: 'error',
  });
  const service = await startService(config);
  return service.url;
}
