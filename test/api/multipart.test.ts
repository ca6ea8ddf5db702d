/** The parser of forms, on every way in which a body may be cut into chunks. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { baseName, parseContentDisposition } from '../../src/api/content-disposition.ts';
import { boundaryOf, readParts } from '../../src/api/multipart.ts';
import { HttpProblem } from '../../src/api/problems.ts';

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

const nearBoundary = fc.string({ unit: fc.constantFrom('\r', '\n', '-', 'x', 'y', ' ', ':'), maxLength: 60 });
const field = fc.record({ name: fc.stringMatching(/^[a-z]{1,10}$/), content: nearBoundary });

test('a form is the same however it is cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(field, { maxLength: 5 }),
      fc.array(fc.nat(20), { maxLength: 60 }),
      nearBoundary,
      async (fields, sizes, preamble) => {
        const boundary = 'xyboundaryyx';
        const parts = fields.map(
          ({ name, content }) =>
            `--${boundary} \r\nContent-Disposition: form-data; name="${name}"; filename="f"\r\n\r\n${content}\r\n`,
        );
        const lead = preamble === '' ? '' : `${preamble}\r\n`;
        const body = Buffer.from(`${lead}${parts.join('')}--${boundary}--\r\n`, 'latin1');

        const read = await partsOf(body, sizes, boundary);

        expect(read).toEqual(fields.map((each) => ({ ...each, filename: 'f' })));
      },
    ),
  );
});

test('anything else is refused, and never half understood', async () => {
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

test('a base name is a name and no path, whatever comes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const name = baseName(text);

      expect(name).not.toMatch(/[/\\\p{Cc}]/u);
      expect(name.isWellFormed()).toBe(true);
      expect(['.', '..']).not.toContain(name);
    }),
  );
});
