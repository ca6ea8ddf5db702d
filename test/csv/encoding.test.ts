import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { detectEncoding } from '../../src/csv/encoding.ts';
import { encode, fileOf } from './support.ts';

const detect = (content: string | Buffer, chunkSizes?: number[]) =>
  detectEncoding(fileOf(content, chunkSizes)(0));

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

  it('stays with UTF-8 where the file has its byte order mark and damaged bytes', async () => {
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

  it('finds the first invalid byte 30 MB in, and reads no further', async () => {
    let chunksRead = 0;
    async function* file() {
      for (; chunksRead < 1000; chunksRead++) {
        const chunk = Buffer.alloc(100_000, 'ä,b\n');
        if (chunksRead === 300) chunk[50_000] = 0xff;
        yield chunk;
      }
    }

    expect(await detectEncoding(file())).toEqual({ encoding: 'windows-1252', bomBytes: 0 });
    expect(chunksRead).toBeLessThan(310);
  });

  it('takes a sequence that breaks off at the end of the file for Windows-1252', async () => {
    expect(await detect(Buffer.from('caf\xe9', 'latin1'))).toEqual({ encoding: 'windows-1252', bomBytes: 0 });
  });

  it('knows any UTF-8 text, however the stream is cut', async () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 50 });
    await fc.assert(
      fc.asyncProperty(
        text,
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
        async (value, chunks) => {
          // Longer than two blocks, so that characters lie across their boundaries.
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
