import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { JobFileError, loadRegistry } from '../../src/jobs/registry.ts';
import { createTestDatabase } from '../support/database.ts';
import { runHeadway } from '../support/process.ts';

describe('a job file that cannot be used', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'headway-jobs-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const load = (text: string) =>
    writeFile(path.join(folder, 'broken.job.mjs'), text)
      .then(() => loadRegistry([folder]))
      .catch((error: unknown) => error);

  it.each([
    [
      'imports what there is not',
      `import './nothing.mjs';`,
      /broken\.job\.mjs cannot be loaded: .*nothing\.mjs/,
    ],
    ['is no JavaScript', 'export default {', /broken\.job\.mjs cannot be loaded: ./],
    [
      'throws as it is loaded',
      `throw new Error('set API_KEY\\nto a key');`,
      /broken\.job\.mjs cannot be loaded: set API_KEY to a key$/,
    ],
  ])('is named in one line with what is wrong, where it %s', async (_what, text, message) => {
    const error = await load(text);

    expect(error).toBeInstanceOf(JobFileError);
    expect(String(error)).toMatch(message);
    expect(String(error)).not.toContain('\n');
  });

  it.each([
    ['title', `title: 'Brew tea'`],
    ['key', 'key: 7'],
    ['resultLink', `resultLink: '/tea'`],
    ['upload.contentTypes', `upload: { field: 'file', contentTypes: 'text/csv' }`],
    ['upload.defaults', `upload: { field: 'file', contentTypes: [], defaults: {} }`],
  ])('is named with the field that has another shape: %s', async (path, field) => {
    const zod = import.meta.resolve('zod');

    const error = await load(
      `import { z } from '${zod}';
       export default { type: 'tea', input: z.null(), result: z.null(), run: () => null, ${field} };`,
    );

    expect(String(error)).toContain(`does not export a job (export default defineJob({ … })): ${path}: `);
  });

  it('is named as well where its folder is not there', async () => {
    await expect(loadRegistry([path.join(folder, 'nowhere')])).rejects.toThrow(JobFileError);
  });

  it('is all that a start says, with the line that is wrong', async () => {
    const database = await createTestDatabase();
    await writeFile(path.join(folder, 'broken.job.ts'), `export default {\n  type: 'x' y\n};\n`);

    const { code, stderr } = await runHeadway([], { HEADWAY_JOBS_DIR: folder, DATABASE_URL: database.url });
    await database.drop();

    expect(stderr).toMatch(/^headway: .*broken\.job\.ts cannot be loaded: .*:2\)\n$/);
    expect(code).toBe(1);
  });
});
