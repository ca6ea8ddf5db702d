/** The parser of forms, with bodies that are cut into chunks in every way. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { baseName, parseContentDisposition } from '../../src/api/http/content-disposition.ts';
import { boundaryOf, readParts } from '../../src/api/http/multipart.ts';
import { HttpProblem } from '../../src/api/http/problems.ts';

async function partsOf(body: Buffer, sizes: readonly number[], boundary: string) {
  async function* source() {
    let from = 0;
    for (const size of sizes) {
      yield body.subarray(from, from + size);
      from += size;
    }
    yield body.subarray(from);
  }
  const parts: { name: string; filename: string | undefined; content: string }[] = [];
  for await (const part of readParts(source(), boundary)) {
    const chunks: Buffer[] = [];
    for await (const chunk of part.body) chunks.push(chunk);
    parts.push({
      name: part.name,
      filename: part.filename,
      content: Buffer.concat(chunks).toString('latin1'),
    });
  }
  return parts;
}

const boundary = 'xyboundaryyx';
const nearBoundary = fc.string({ unit: fc.constantFrom('\r', '\n', '-', 'x', 'y', ' ', ':'), maxLength: 60 });
const field = fc.record({ name: fc.stringMatching(/^[a-z]{1,10}$/), content: nearBoundary });
type Field = { readonly name: string; readonly content: string };

/** A form up to its closing boundary. */
function formOf(fields: readonly Field[]): string {
  const parts = fields.map(
    ({ name, content }) =>
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="f"\r\n\r\n${content}\r\n`,
  );
  return `${parts.join('')}--${boundary}--`;
}

test('a form is the same however it is cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(field, { maxLength: 5 }),
      fc.array(fc.nat(20), { maxLength: 60 }),
      nearBoundary,
      async (fields, sizes, preamble) => {
        const lead = preamble === '' ? '' : `${preamble}\r\n`;
        const body = Buffer.from(`${lead}${formOf(fields)}\r\n`, 'latin1');

        const read = await partsOf(body, sizes, boundary);

        expect(read).toEqual(fields.map((each) => ({ ...each, filename: 'f' })));
      },
    ),
  );
});

test('a form that is cut off is refused, wherever it is cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(field, { maxLength: 3 }),
      fc.array(fc.nat(40)),
      fc.nat(),
      async (fields, sizes, at) => {
        const form = formOf(fields);
        const body = Buffer.from(form.slice(0, at % form.length), 'latin1');

        await expect(partsOf(body, sizes, boundary)).rejects.toThrow(/ends before its closing boundary|part/);
      },
    ),
  );
});

test('a file is whole, and in small pieces, however large its chunks are', async () => {
  const content = Buffer.alloc(10_000_000, `a,b\r\n--${boundary.slice(0, -1)}\r\n`).toString('latin1');
  const body = Buffer.from(formOf([{ name: 'file', content }]), 'latin1');

  for (const size of [1000, 65_536, 65_537, 3_000_000]) {
    const sizes = Array.from({ length: Math.floor(body.length / size) }, () => size);
    const [file] = await partsOf(body, sizes, boundary);

    expect(file?.content === content).toBe(true);
  }
});

test('no more is read than is used, and the source is let go of afterwards', async () => {
  const state = { pulled: 0, isFree: false };
  async function* endless() {
    try {
      yield Buffer.from(`--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n`);
      for (;;) {
        state.pulled += 1;
        yield Buffer.alloc(100_000);
      }
    } finally {
      state.isFree = true;
    }
  }

  let used = 0;
  for await (const part of readParts(endless(), 'x')) {
    for await (const _ of part.body) {
      used += 1;
      expect(state.pulled).toBeLessThanOrEqual(used);
      if (used === 100) break;
    }
    break;
  }

  expect(used).toBe(100);
  expect(state.isFree).toBe(true);
});

test('an error of the source ends the form', async () => {
  async function* cut() {
    yield Buffer.from(`--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nabc`);
    throw new Error('the client has vanished');
  }
  const read = async () => {
    for await (const part of readParts(cut(), 'x')) for await (const _ of part.body);
  };

  await expect(read()).rejects.toThrow('the client has vanished');
});

const good = 'Content-Disposition: form-data; name="a"\r\n\r\n1';
test.each([
  ['no headers', '\r\n\r\n1'],
  ['headers that never end', '\r\nContent-Disposition: form-data; name="a"'],
  ['a line without a colon', '\r\nContent-Disposition form-data; name="a"\r\n\r\n1'],
  ['another disposition', '\r\nContent-Disposition: attachment; name="a"\r\n\r\n1'],
  ['no name', '\r\nContent-Disposition: form-data\r\n\r\n1'],
  ['something behind its boundary', `y\r\n${good}`],
  ['blanks behind its boundary', ` \r\n${good}`],
])('a part with %s is refused, wherever it stands', async (_what, part) => {
  const before = Buffer.from(`--x${part}\r\n--x\r\n${good}\r\n--x--`);
  const after = Buffer.from(`--x\r\n${good}\r\n--x${part}\r\n--x--`);

  await expect(partsOf(before, [], 'x')).rejects.toThrow(/a part has no/);
  await expect(partsOf(after, [], 'x')).rejects.toThrow(/a part has no/);
});

test.each([
  [`a"; filename="€.csv`, '€.csv'],
  [`a"; filename="x"; filename*=UTF-8''%e2%82%ac.csv; y="`, '€.csv'],
])('the name in %s is read as UTF-8', async (parameters, filename) => {
  const body = Buffer.from(`--x\r\n${good.replace('a"', `${parameters}"`)}\r\n--x--`);

  expect(await partsOf(body, [], 'x')).toEqual([{ name: 'a', filename, content: '1' }]);
});

test('headers are refused long before the parser would cut them', async () => {
  const long = good.replace('a"', `a"; filename="${'y'.repeat(20_000)}"`);
  const body = Buffer.from(`--x\r\n${long}\r\n--x--`);

  await expect(partsOf(body, [], 'x')).rejects.toThrow(/its headers.* have more than 16384 bytes/);
});

test('any other body is refused as a whole', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.array(fc.nat(30)),
      async (text, sizes) => {
        const body = Buffer.from(`--x\r\n${text}`);

        await expect(partsOf(body, sizes, 'x')).rejects.toBeInstanceOf(HttpProblem);
      },
    ),
  );
});

test.each([
  ['multipart/form-data; boundary=abc', 'abc'],
  ['multipart/form-data; charset=utf-8; boundary="a b:c"', 'a b:c'],
  ['multipart/form-data;BOUNDARY=abc;x=y', 'abc'],
])('%s names its boundary', (header, boundary) => {
  expect(boundaryOf(header)).toBe(boundary);
});

test.each([
  'multipart/form-data',
  'multipart/form-data; boundary=',
  `multipart/form-data; boundary="${'x'.repeat(71)}"`,
])('%s names none', (header) => {
  expect(() => boundaryOf(header)).toThrow(/boundary/);
});

test.each([
  ['form-data; name="file"; filename="a \\"b\\".csv"', 'a "b".csv'],
  ['form-data; name=file; filename=a.csv', 'a.csv'],
  ['form-data; name="file"; filename="C:\\dir\\a.csv"', 'C:\\dir\\a.csv'],
  ['form-data; name="file"; filename="a;b=c.csv"', 'a;b=c.csv'],
  ['form-data; name="file"; filename="x"; filename*=utf-8\'\'%e2%82%ac.csv', '€.csv'],
  ['form-data; name="file"; filename="x"; filename*=utf-8\'\'%zz', 'x'],
])('%s has its filename', (header, filename) => {
  expect(parseContentDisposition(header)).toMatchObject({ type: 'form-data', name: 'file', filename });
});

test('a base name is never a path, whatever is sent', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const name = baseName(text);

      expect(name).not.toMatch(/[/\\\p{Cc}]/u);
      expect(name.isWellFormed()).toBe(true);
      expect(['.', '..']).not.toContain(name);
    }),
  );
});
