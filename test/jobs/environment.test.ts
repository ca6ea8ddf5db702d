import { afterEach, expect, it, vi } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { openStore, TestService } from '../support/service.ts';
import { isFinished } from '../support/task-states.ts';

afterEach(() => vi.unstubAllEnvs());

it('neither jobs nor the processes that they start inherit the keys of the service', async () => {
  vi.stubEnv('HEADWAY_API_KEYS', 'a-key-of-the-service');
  vi.stubEnv('HEADWAY_ADMIN_TOKEN', 'a-token-of-the-admin');
  vi.stubEnv('HEADWAY_LOG_LEVEL', 'info');
  const database = await createTestDatabase();
  const store = await openStore(database.url);
  const service = await TestService.start(store);

  const { id } = await service.submit('environment', {});
  const { result } = await service.waitFor(id, isFinished);
  await service.stop();
  await store.close();
  await database.drop();

  const { own, childs } = result as { own: string[]; childs: string[] };
  expect(own).toContain('HEADWAY_LOG_LEVEL');
  for (const names of [own, childs]) {
    for (const secret of ['HEADWAY_API_KEYS', 'HEADWAY_ADMIN_TOKEN', 'HEADWAY_RUNNER']) {
      expect(names).not.toContain(secret);
    }
  }
});
