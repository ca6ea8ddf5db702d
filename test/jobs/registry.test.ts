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

  it('may not be called "batch", as that is the path of many tasks', async () => {
    const zod = import.meta.resolve('zod');

    const error = await load(
      `import { z } from '${zod}';
       export default { type: 'batch', input: z.null(), result: z.null(), run: () => null };`,
    );

    expect(String(error)).toContain('type: not "batch", as POST /tasks/batch submits many tasks');
  });

  const loadWith = (schemas: { input?: string; result?: string }) => {
    const zod = import.meta.resolve('zod');
    const { input = 'z.null()', result = 'z.null()' } = schemas;
    return load(
      `import { z } from '${zod}';
       export default { type: 'tea', input: ${input}, result: ${result}, run: () => null };`,
    );
  };

  it.each([
    ['z.object({ rows: z.array(z.object({ n: z.bigint() })) })', 'result.rows[0].n is a BigInt'],
    ['z.object({ n: z.coerce.bigint().optional() })', 'result.n is a BigInt'],
    ['z.union([z.string(), z.map(z.string(), z.string())])', 'result is a Map'],
    ['z.array(z.string()).transform((all) => new Set(all)).pipe(z.set(z.string()))', 'result is a Set'],
    ['z.record(z.string(), z.symbol())', 'result["*"] is a symbol'],
    ['z.tuple([z.string(), z.nan()])', 'result[1] is NaN'],
    ['z.void()', 'result is undefined'],
    ['z.literal([1, 1n])', 'result is a BigInt'],
    ['z.tuple([z.string()], z.bigint())', 'result[1] is a BigInt'],
    ['z.object({}).catchall(z.bigint())', 'result["*"] is a BigInt'],
    ['z.promise(z.map(z.string(), z.string()))', 'result is a Map'],
    ['z.array(z.undefined())', 'result[0] is undefined'],
  ])('is named where no JSON can carry its result: %s', async (result, words) => {
    const error = await loadWith({ result });

    expect(error).toBeInstanceOf(JobFileError);
    expect(String(error)).toContain(`broken.job.mjs: in its result, ${words}, which JSON cannot express`);
  });

  it.each([
    ['z.object({ when: z.date() })', 'input.when is a Date'],
    ['z.object({ rows: z.array(z.bigint()) })', 'input.rows[0] is a BigInt'],
    ['z.lazy(() => z.set(z.string())).transform((set) => set.size)', 'input is a Set'],
    ['z.intersection(z.object({}), z.object({ by: z.map(z.string(), z.string()) }))', 'input.by is a Map'],
    ['z.undefined()', 'input is undefined'],
    ['z.object({ a: z.literal(1n) })', 'input.a is a BigInt'],
    ['z.union([z.bigint(), z.date()])', 'input is a BigInt'],
  ])('is named where no JSON is what its input must be: %s', async (input, words) => {
    const error = await loadWith({ input });

    expect(error).toBeInstanceOf(JobFileError);
    expect(String(error)).toContain(`broken.job.mjs: in its input, ${words}, which JSON cannot express`);
  });

  it('is named where a schema cannot be read', async () => {
    const error = await loadWith({ input: 'z.lazy(() => { throw new Error("not yet"); })' });

    expect(String(error)).toMatch(/JobFileError: .*broken\.job\.mjs: its schemas cannot be read: not yet$/);
  });

  it.each([
    ['input', 'z.object({ a: z.coerce.date(), b: z.coerce.bigint() })'],
    ['input', 'z.preprocess((text) => new Date(text), z.date())'],
    ['input', 'z.string().transform((text) => new Date(text)).pipe(z.date())'],
    [
      'input',
      'z.codec(z.iso.datetime(), z.date(), { decode: (t) => new Date(t), encode: (d) => d.toISOString() })',
    ],
    [
      'input',
      'z.object({ a: z.date().default(() => new Date(0)), b: z.bigint().optional(), c: z.date().catch(new Date(0)) })',
    ],
    ['input', 'z.union([z.date(), z.string()])'],
    ['input', 'z.literal(["a", 1n])'],
    ['input', 'z.object({}).catchall(z.bigint())'],
    ['result', 'z.object({}).loose()'],
    ['result', 'z.strictObject({ a: z.literal(["a", 1, null]) })'],
    ['result', 'z.array(z.string().optional())'],
    ['input', 'z.object({ a: z.undefined(), b: z.custom(), c: z.instanceof(Date).optional() })'],
    ['input', 'z.object({ name: z.string(), more: z.json() })'],
    ['result', 'z.object({ at: z.date(), u: z.undefined(), error: z.string().or(z.undefined()) })'],
    ['result', 'z.bigint().transform(String)'],
    ['result', 'z.map(z.string(), z.int()).transform((map) => [...map]).pipe(z.array(z.any()))'],
    ['result', 'z.json()'],
    ['result', 'z.custom()'],
  ])('is none where JSON can carry its %s: %s', async (side, schema) => {
    expect(await loadWith({ [side]: schema })).toMatchObject({ types: ['tea'] });
  });

  it('is reported with its folder when the folder does not exist', async () => {
    await expect(loadRegistry([path.join(folder, 'nowhere')])).rejects.toThrow(JobFileError);
  });

  it('is the only message of a start, and names the wrong line', async () => {
    const database = await createTestDatabase();
    await writeFile(path.join(folder, 'broken.job.ts'), `export default {\n  type: 'x' y\n};\n`);

    const { code, stderr } = await runHeadway([], { HEADWAY_JOBS_DIR: folder, DATABASE_URL: database.url });
    await database.drop();

    expect(stderr).toMatch(/^headway: .*broken\.job\.ts cannot be loaded: .*:2\)\n$/);
    expect(code).toBe(1);
  });
});
