import fastify from 'fastify';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { WrongKeys } from '../../src/api/access/wrong-keys.ts';
import { answerError } from '../../src/api/error-handler.ts';
import { unavailable } from '../../src/api/http/problems.ts';

const log = pino({ enabled: false });

async function askWhileUnavailable(method: 'GET' | 'POST'): Promise<{ status: number; page: string }> {
  const app = fastify();
  app.setErrorHandler(answerError(log, new WrongKeys(log)));
  app.all('/tasks', () => {
    throw unavailable('The database cannot be reached.');
  });
  const response = await app.inject({ method, url: '/tasks', headers: { accept: 'text/html' } });
  return { status: response.statusCode, page: response.payload };
}

test('a page that cannot be shown now loads itself again', async () => {
  const { status, page } = await askWhileUnavailable('GET');

  expect(status).toBe(503);
  expect(page).toContain('<meta http-equiv="refresh" content="5">');
});

test('an answer to a form does not, as that would send the form again', async () => {
  const { status, page } = await askWhileUnavailable('POST');

  expect(status).toBe(503);
  expect(page).not.toContain('http-equiv="refresh"');
});
