import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { cleanseAndCut, cleanseJson, cleanseText } from '../../src/tasks/model/text.ts';
import { useStore } from '../support/tasks.ts';

/** Strings of arbitrary UTF-16 units, with many NULs and lone surrogates among them. */
const unit = fc.oneof(
  fc.constantFrom('\0', '\ud800', '\udfff', '\ud83d', '\ude00', '😀', 'a', '\uffff', '\u0001', '"', '\\'),
  fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
);
const rawText = fc.array(unit, { maxLength: 60 }).map((units) => units.join(''));
// No backslashes: V8's JSON.parse, with which answers are read, takes a key such as "\"" for "\\" where an
// object with the latter key came before.
const rawJson = fc.jsonValue({ maxDepth: 4, stringUnit: unit.map((text) => (text === '\\' ? '/' : text)) });

describe('cleansed text', () => {
  it('has no NUL and no lone surrogate, and clean text stays as it is', () => {
    fc.assert(
      fc.property(rawText, (text) => {
        const clean = cleanseText(text);

        expect(clean.isWellFormed()).toBe(true);
        expect(clean).not.toContain('\0');
        expect(cleanseText(clean)).toBe(clean);
      }),
    );
    expect(cleanseText('a\0b\ud800c😀')).toBe('ab\ufffdc😀');
  });

  it('is no longer than asked when cut, and splits no pair', () => {
    fc.assert(
      fc.property(rawText, fc.integer({ min: 1, max: 30 }), (text, maxLength) => {
        const cut = cleanseAndCut(text, maxLength);

        expect(cut.length).toBeLessThanOrEqual(maxLength);
        expect(cut.isWellFormed()).toBe(true);
        expect(cut).not.toContain('\0');
      }),
    );
  });

  it.each([
    ['abc', 3, 'abc'],
    ['abcd', 3, 'ab…'],
    ['a😀b', 4, 'a😀b'],
    ['a😀bc', 4, 'a😀…'],
    ['a😀bc', 3, 'a…'],
    ['abc', 1, '…'],
  ])('%j cut to %i is %j', (text, maxLength, expected) => {
    expect(cleanseAndCut(text, maxLength)).toBe(expected);
  });

  it('is not looked at beyond its cut, however long it is', () => {
    const looks = vi.spyOn(String.prototype, 'toWellFormed');

    cleanseAndCut('\ud800a'.repeat(5_000_000), 500);

    const lengths = looks.mock.contexts.map(String).map((text) => text.length);
    looks.mockRestore();
    expect(lengths).toEqual([499]);
  });
});

describe('cleansed JSON', () => {
  it('keeps shape and numbers, and cleanses keys as well', () => {
    const dirty = { 'k\0': ['\ud800', 1, null, true, { deep: 'a\0b' }], n: 1.5 };

    expect(cleanseJson(dirty)).toEqual({ k: ['\ufffd', 1, null, true, { deep: 'ab' }], n: 1.5 });
  });

  it('keeps a key that would set a prototype as a key', () => {
    const cleansed = cleanseJson(JSON.parse('{"__proto__": {"admin": true}}'));

    expect(JSON.stringify(cleansed)).toBe('{"__proto__":{"admin":true}}');
    expect((cleansed as { admin?: boolean }).admin).toBeUndefined();
  });

  it('leaves clean JSON as it is', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'grapheme' }), (value) => {
        const clean = cleanseJson(value);

        expect(cleanseJson(clean)).toEqual(clean);
      }),
    );
  });
});

describe('PostgreSQL', () => {
  const store = useStore();

  it('stores every cleansed text and JSON value, and gives it back the same', async () => {
    const texts = fc.sample(rawText, 500).map(cleanseText);
    const cuts = fc.sample(rawText, 500).map((text) => cleanseAndCut(text, 20));
    const values = fc.sample(rawJson, 500).map((value) => JSON.stringify(cleanseJson(value)));

    const { rows } = await store.db.pool.query<{ text: string; cut: string; value: unknown }>(
      'SELECT * FROM unnest($1::text[], $2::text[], $3::jsonb[]) AS stored (text, cut, value)',
      [texts, cuts, values],
    );

    expect(rows.map((row) => row.text)).toEqual(texts);
    expect(rows.map((row) => row.cut)).toEqual(cuts);
    expect(rows.map((row) => row.value)).toEqual(values.map((value) => JSON.parse(value)));
  });

  it('would refuse them as they came', async () => {
    const asText = store.db.pool.query('SELECT $1::text', ['a\0b']);
    await expect(asText).rejects.toThrow();
    const asJson = store.db.pool.query('SELECT $1::jsonb', [JSON.stringify('\ud800')]);
    await expect(asJson).rejects.toThrow();
  });
});
