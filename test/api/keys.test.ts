/** With API keys: who may do what, and how a browser signs in. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Access } from '../../src/api/access/access.ts';
import { localPath } from '../../src/api/access/sign-in.ts';
import { loadConfig } from '../../src/config.ts';
import { postCsv, postJson, problemOf, startApi, type TestApi, taskOf } from '../support/api.ts';

const key = 'a-key-of-some-length';
const bearer = { authorization: `Bearer ${key}` };

let api: TestApi;
beforeAll(async () => {
  api = await startApi({ config: { apiKeys: ['another-key-for-tests', key] } });
});
afterAll(() => api.close());

const signIn = (fields: Record<string, string>, accept = 'text/html') =>
  fetch(`${api.url}/session`, {
    method: 'POST',
    headers: { accept },
    body: new URLSearchParams(fields),
    redirect: 'manual',
  });

describe('a key', () => {
  test.each([
    ['submitting', 'POST', '/tasks'],
    ['sending a file', 'POST', '/tasks/csv-import'],
    ['cancelling', 'POST', '/tasks/01a20ada-0000-7000-8000-000000000000/cancel'],
    ['recent tasks', 'GET', '/'],
    ['datasets', 'GET', '/datasets/01a20ada-0000-7000-8000-000000000000'],
  ])('is needed for %s', async (_what, method, path) => {
    const without = await fetch(`${api.url}${path}`, { method });
    const wrong = await fetch(`${api.url}${path}`, { method, headers: { authorization: 'Bearer wrong' } });
    const right = await fetch(`${api.url}${path}`, { method, headers: bearer });

    expect([without.status, wrong.status]).toEqual([401, 401]);
    expect(without.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect((await problemOf(without)).detail).toContain('Authorization');
    expect(right.status).not.toBe(401);
  });

  test('is not needed for a URL that is a capability, for health, scripts and styles', async () => {
    const task = await taskOf(await postJson(`${api.url}/tasks`, { type: 'noop' }, bearer));

    const paths = [`/tasks/${task.id}`, '/healthz', '/readyz', '/assets/style.css', '/session'];
    const responses = await Promise.all(paths.map((path) => fetch(`${api.url}${path}`)));

    expect(responses.map((response) => response.status)).toEqual([200, 200, 200, 200, 200]);
  });

  test('is required before a body is read', async () => {
    const response = await postCsv(`${api.url}/tasks/csv-import`, Buffer.alloc(20_000_000, 'x'));

    expect(response.status).toBe(401);
    expect(await api.store.db.prisma.file.count()).toBe(0);
  });

  test.each(['Basic abc', 'Bearer', 'Bearer  ', key, `Bearer ${key} x`, `Bearer ${key}x`])(
    'is not %j',
    async (authorization) => {
      const response = await fetch(api.url, { headers: { authorization } });

      expect(response.status).toBe(401);
    },
  );

  test('opens the service to other hosts and proxies', async () => {
    const response = await fetch(api.url, { headers: { ...bearer, 'x-forwarded-for': '10.0.0.1' } });

    expect(response.status).toBe(200);
  });
});

describe('a browser', () => {
  test('is asked for a key, and led back to where it wanted to go', async () => {
    const response = await fetch(`${api.url}/datasets/x?rows=5`, { headers: { accept: 'text/html' } });

    const page = await response.text();
    expect(response.status).toBe(401);
    expect(page).toContain('action="/session"');
    expect(page).not.toContain('Nothing was done yet.');
    expect(page).toMatch(/value="\/datasets\/x\?rows(=|&#61;)5"/);
  });

  test.each([
    ['/tasks/01a20ada-0000-7000-8000-000000000000/cancel', '/tasks/01a20ada-0000-7000-8000-000000000000'],
    ['/tasks/01a20ada-0000-7000-8000-000000000000/retry', '/tasks/01a20ada-0000-7000-8000-000000000000'],
    ['/tasks/csv-import', '/'],
  ])('that posts to %s is asked for a key, and led to where its button is', async (path, next) => {
    const response = await fetch(api.url + path, { method: 'POST', headers: { accept: 'text/html' } });

    const page = await response.text();
    expect(response.status).toBe(401);
    expect(page).toContain(`name="next" value="${next}"`);
    expect(page).toContain('Nothing was done yet.');
  });

  test('gets a session for a key', async () => {
    const response = await signIn({ key, next: '/datasets/x' });

    const cookie = response.headers.get('set-cookie') ?? '';
    expect(response.status).toBe(303);
    expect(response.headers.get('location')).toBe('/datasets/x');
    expect(cookie).toMatch(/; HttpOnly; SameSite=Lax$/);
    const home = await fetch(api.url, { headers: { cookie: `a=b; ${cookie.split(';')[0]}` } });
    expect(home.status).toBe(200);
  });

  test('is signed in although a proxy in front has a password of its own', async () => {
    const { headers } = await signIn({ key });
    const cookie = headers.get('set-cookie')?.split(';')[0] ?? '';

    const basic = await fetch(api.url, { headers: { cookie, authorization: 'Basic dTpw' } });
    const wrongBearer = await fetch(api.url, { headers: { cookie, authorization: 'Bearer wrong' } });

    expect([basic.status, wrongBearer.status]).toEqual([200, 401]);
  });

  test('signs out by a button, and its cookie is gone', async () => {
    const { headers } = await signIn({ key });
    const home = await fetch(api.url, {
      headers: { cookie: headers.get('set-cookie')?.split(';')[0] ?? '', accept: 'text/html' },
    });
    expect(await home.text()).toContain('<form method="post" action="/session/end">');

    const signedOut = await fetch(`${api.url}/session/end`, { method: 'POST', redirect: 'manual' });

    expect(signedOut.status).toBe(303);
    expect(signedOut.headers.get('location')).toBe('/session');
    expect(signedOut.headers.get('set-cookie')).toMatch(/^headway_session=; Path=\/; Max-Age=0;/);
  });

  test('behind TLS gets a session for TLS only', async () => {
    const response = await fetch(`${api.url}/session`, {
      method: 'POST',
      headers: { 'x-forwarded-proto': 'https' },
      body: new URLSearchParams({ key }),
      redirect: 'manual',
    });

    expect(response.headers.get('set-cookie')).toContain('; Secure');
  });

  test('gets no session for a wrong or missing key', async () => {
    const page = await signIn({ key: 'wrong', next: '/datasets/x' });
    const problem = await signIn({ key: 'wrong' }, 'application/json');
    const noKey = await signIn({ next: '/' }, 'application/json');

    expect([page.status, problem.status, noKey.status]).toEqual([401, 401, 400]);
    expect(page.headers.get('set-cookie')).toBeNull();
    expect(await page.text()).toContain('not valid');
  });

  test('is not signed in by another site', async () => {
    const response = await fetch(`${api.url}/session`, {
      method: 'POST',
      headers: { origin: 'https://evil.example' },
      body: new URLSearchParams({ key }),
    });

    expect(response.status).toBe(403);
  });

  test.each(['1.x', 'x', '', '9999999999.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'])(
    'does not get in with the session %j',
    async (value) => {
      const response = await fetch(api.url, { headers: { cookie: `headway_session=${value}` } });

      expect(response.status).toBe(401);
    },
  );
});

test('a session holds in every process with the same keys, for a week, until they change', () => {
  const day = 24 * 3600 * 1000;
  const withKeys = (...apiKeys: string[]) => new Access({ ...loadConfig({}), apiKeys });
  const session = withKeys('k1', 'k2').newSession(0);

  expect(withKeys('k2', 'k1').isSession(session, 6 * day)).toBe(true);
  expect(withKeys('k1', 'k2').isSession(session, 8 * day)).toBe(false);
  expect(withKeys('k1').isSession(session, 0)).toBe(false);
});

test.each([
  ['/tasks/1?a=b', '/tasks/1?a=b'],
  ['//evil.example', '/'],
  ['/\\evil.example', '/'],
  ['https://evil.example', '/'],
  ['/a\r\nset-cookie: x', '/'],
  ['/\t/evil.example', '/'],
  ['', '/'],
])('signing in for %j leads to %j', (next, path) => {
  expect(localPath(next)).toBe(path);
});
