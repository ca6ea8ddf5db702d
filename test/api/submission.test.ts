/** The checks of an input, without a server: schemas that never end, and which fields are refused. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { checkInput } from '../../src/api/submitting/submission.ts';
import { checkUploadInput, fileToCome } from '../../src/api/submitting/upload-fields.ts';
import { defineJob, type JobDefinition, type JobUpload } from '../../src/jobs/define-job.ts';

afterEach(() => {
  vi.useRealTimers();
});

// The type of a definition as the registry returns it.
const jobWith = (input: z.ZodType, upload?: JobUpload) =>
  defineJob({ type: 'job', input, result: z.null(), ...(upload && { upload }), run: () => null });

describe('an input', () => {
  it('whose schema never ends is refused after 5 s, and the job is blamed', async () => {
    vi.useFakeTimers();
    const job = jobWith(z.string().refine(() => new Promise<boolean>(() => undefined)));

    const checked = checkInput(job, 'x', []);
    const refused = expect(checked).rejects.toMatchObject({
      body: {
        type: '/problems/job-fault',
        detail: 'The code of the job "job" has a fault: its input schema took longer than 5 s.',
      },
    });
    await vi.advanceTimersByTimeAsync(5_000);
    await refused;
  });

  const object = z.object({ a: z.string() });

  it.each([
    ['an object', object],
    ['an object with a check', object.refine(() => true)],
    ['a transformed object', object.transform(({ a }) => a)],
    ['a pipe in a pipe', object.transform(({ a }) => a).pipe(z.string())],
    ['a read-only object', object.readonly()],
    ['an object or null', object.nullable().transform((given) => given?.a)],
  ])('may have no unknown field where its schema is %s', async (_what, schema) => {
    const refused = checkInput(jobWith(schema), { a: 'x', b: 1 }, ['input']);

    await expect(refused).rejects.toMatchObject({ body: { errors: [{ path: 'input.b' }] } });
    expect((await checkInput(jobWith(schema), { a: 'x' }, [])).sent).toEqual({ a: 'x' });
  });

  it.each([
    ['a loose object', z.looseObject({ a: z.string() })],
    ['an object with a rest', object.catchall(z.number())],
    ['an object behind code of the job’s own', z.preprocess((given) => given, object)],
  ])('may have one where its schema is %s', async (_what, schema) => {
    expect((await checkInput(jobWith(schema), { a: 'x', b: 1 }, [])).sent).toEqual({ a: 'x', b: 1 });
  });
});

describe('the input that a job derives from its file', () => {
  const input = z.object({ file: z.uuid(), day: z.coerce.date().optional(), name: z.string().optional() });
  const fields = { options: {}, filename: undefined, sample: undefined };
  const checkWith = async (defaults: JobUpload['defaults'], given: Record<string, string> = {}) => {
    const upload = { field: 'file', contentTypes: [], ...(defaults && { defaults }) };
    const job: JobDefinition = jobWith(input, upload);
    return checkUploadInput(job, upload, { ...fields, input: given }, fileToCome);
  };

  it('is turned into JSON, stored so, and parsed from there', async () => {
    const checked = await checkWith(({ name }) => ({ day: new Date(0), name: `${name}\0`, file: 'no' }));

    expect(checked).toEqual({
      sent: { day: '1970-01-01T00:00:00.000Z', name: 'file', file: fileToCome.id },
      parsed: { day: new Date(0), name: 'file', file: fileToCome.id },
    });
  });

  it('does not replace what was sent', async () => {
    expect((await checkWith(() => ({ name: 'mine' }), { name: 'yours' })).sent).toMatchObject({
      name: 'yours',
    });
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('no defaults today');
      },
      'its upload.defaults() has thrown: no defaults today',
    ],
    [
      'holds a Map',
      () => ({ name: new Map() }),
      'its upload.defaults().name is a Map, which JSON cannot express',
    ],
    ['is no object', () => 'x' as unknown as object, 'its upload.defaults() did not return an object'],
  ])('is told as the fault of the job where it %s', async (_what, defaults, words) => {
    const refused = checkWith(defaults as JobUpload['defaults']);

    await expect(refused).rejects.toMatchObject({
      body: { type: '/problems/job-fault', detail: expect.stringContaining(words) },
    });
  });
});
