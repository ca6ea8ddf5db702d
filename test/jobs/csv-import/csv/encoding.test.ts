import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { detectEncoding } from '../../../../src/jobs/csv-import/csv/encoding.ts';
import { encode, fileOf } from './support.ts';

const detect = (content: string | Buffer, chunkSizes?: number[]) =>
  detectEncoding(fileOf(content, chunkSizes)(0));

/** Encodes text as UTF-8, except that characters written as `\\xNN` become single, invalid bytes. */
function damaged(text: string): Buffer {
  return Buffer.concat(
    text
      .split(/([\x80-\xe8\xea-\xff]|\xe9(?=\n))/)
      .map((part) => (/^[\x80-\xff]$/.test(part) ? Buffer.from(part, 'latin1') : Buffer.from(part))),
  );
}

describe('detectEncoding', () => {
  it.each([
    ['utf-8', [0xef, 0xbb, 0xbf], 3],
    ['utf-16le', [0xff, 0xfe], 2],
    ['utf-16be', [0xfe, 0xff], 2],
  ] as const)('believes the byte order mark of %s', async (encoding, mark, bomBytes) => {
    const file = Buffer.concat([Buffer.from(mark), encode('名前,値\n', encoding)]);

    expect(await detect(file)).toEqual({ encoding, bomBytes });
    expect(await detect(file, [1])).toEqual({ encoding, bomBytes });
    expect(await detect(Buffer.from(mark))).toEqual({ encoding, bomBytes });
  });

  it('stays with UTF-8 if a file has its byte order mark but also invalid bytes', async () => {
    expect(await detect(Buffer.concat([Buffer.from('\ufeffa,b\n'), Buffer.of(0xe9)]))).toEqual({
      encoding: 'utf-8',
      bomBytes: 3,
    });
  });

  it.each([
    ['English', 'id,name\r\n1,Anna\r\n'],
    ['Chinese', '编号,姓名,城市\r\n1,王小明,北京\r\n2,李雷,上海\r\n'],
    ['a single character', 'a'],
  ])('knows UTF-16 without a byte order mark by its zero bytes: %s', async (_, text) => {
    expect(await detect(encode(text, 'utf-16le'))).toEqual({ encoding: 'utf-16le', bomBytes: 0 });
    expect(await detect(encode(text, 'utf-16be'))).toEqual({ encoding: 'utf-16be', bomBytes: 0 });
  });

  it('takes an empty file and plain ASCII for UTF-8', async () => {
    expect(await detect('')).toEqual({ encoding: 'utf-8', bomBytes: 0 });
    expect(await detect('a,b\n1,2\n')).toEqual({ encoding: 'utf-8', bomBytes: 0 });
  });

  it('stops reading as soon as the encoding is certainly Windows-1252', async () => {
    let chunksRead = 0;
    async function* file() {
      for (; chunksRead < 1000; chunksRead++) yield Buffer.alloc(100_000, Buffer.from('ä,b\n', 'latin1'));
    }

    expect(await detectEncoding(file())).toEqual({ encoding: 'windows-1252', bomBytes: 0 });
    expect(chunksRead).toBeLessThan(10);
  });

  it.each([
    ['one stray byte among 200 lines', `${'é,b\n'.repeat(100)}\xff${'é,b\n'.repeat(100)}`],
    ['one stray byte, the first of all', `\xe9\n${'é,b\n'.repeat(10)}`],
    ['an end inside a character', `${'é,b\n'.repeat(3)}caf\xc3`],
    ['an end inside its only character', 'a,b\n1,\xe2\x82'],
  ])('stays with UTF-8 that is damaged in few places: %s', async (_, text) => {
    expect(await detect(damaged(text))).toEqual({ encoding: 'utf-8', bomBytes: 0 });
  });

  it.each([
    ['an accent', 'caf\xe9'],
    ['accents in every line', 'na\xefve,caf\xe9\n'.repeat(1000)],
  ])('takes what is hardly UTF-8 for Windows-1252: %s', async (_, text) => {
    expect(await detect(Buffer.from(text, 'latin1'))).toEqual({ encoding: 'windows-1252', bomBytes: 0 });
  });

  it.each(['a,b\nx\0y,2\n', '\0', 'a\0,b\n1,2\n', 'id,name\r\n1,A\0\0\0\r\n'])(
    'does not take stray zero bytes for UTF-16: %j',
    async (text) => {
      expect((await detect(text)).encoding).toBe('utf-8');
    },
  );

  it.each(['utf-8', 'utf-16le', 'utf-16be'] as const)(
    'skips a second byte order mark of %s',
    async (encoding) => {
      const { bomBytes } = await detect(encode('\ufeff\ufeffa,b\n', encoding));

      expect(bomBytes).toBe(2 * encode('\ufeff', encoding).length);
    },
  );

  it('recognises any UTF-8 text, whatever the size of the chunks', async () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 50 });
    await fc.assert(
      fc.asyncProperty(
        text,
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
        async (value, chunks) => {
          // Longer than two blocks, so that block boundaries split characters.
          const file = `${value}日本語🍷é`.repeat(8000);

          expect(
            await detect(
              file,
              chunks.map((size) => size * 9973),
            ),
          ).toEqual({ encoding: 'utf-8', bomBytes: 0 });
        },
      ),
      { numRuns: 30 },
    );
  });
});
