import path from 'node:path';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openStore, TestService } from '../support/service.ts';

const crashingJobs = path.join(import.meta.dirname, '../support/crashing-jobs');

interface Line {
  readonly msg: string;
  readonly time: number;
}

it('runners that crash soon after they are ready are not replaced in a busy loop: each replacement waits longer', async () => {
  const database = await createTestDatabase();
  const store = await openStore(database.url);
  const starts: number[] = [];
  const onLine = ({ msg, time }: Line) => msg === 'runner started' && starts.push(time);
  const log = pino({}, { write: (line: string) => onLine(JSON.parse(line)) });
  const service = await TestService.start(store, { folders: [crashingJobs], log });

  const [, , third, fourth] = await eventually(() => (starts.length >= 4 ? starts : undefined));

  await service.stop();
  await store.close();
  await database.drop();
  // The job ends its runner after 1 s; after the third end the next runner starts 1.75 s later.
  expect(Number(fourth) - Number(third)).toBeGreaterThan(2_700);
});
