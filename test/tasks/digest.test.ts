import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestInput } from '../../src/tasks/life/digest.ts';
import { newId } from '../../src/tasks/model/ids.ts';

const sha = (byte: string) => byte.repeat(64);

describe('the digest of an input', () => {
  it('is sha256 in hex', () => {
    expect(digestInput({})).toBe('44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a');
  });

  it('does not depend on the order of keys, at any depth', () => {
    const one = { a: 1, b: { c: [1, { d: 2, e: 3 }], f: null } };
    const other = { b: { f: null, c: [1, { e: 3, d: 2 }] }, a: 1 };

    expect(digestInput(other)).toBe(digestInput(one));
  });

  it('depends on the order of an array', () => {
    expect(digestInput([1, 2])).not.toBe(digestInput([2, 1]));
  });

  it('takes an undefined field for an absent one, and null for a value', () => {
    expect(digestInput({ a: 1, b: undefined })).toBe(digestInput({ a: 1 }));
    expect(digestInput({ a: 1, b: null })).not.toBe(digestInput({ a: 1 }));
  });

  it('takes no input at all for null', () => {
    expect(digestInput(undefined)).toBe(digestInput(null));
  });

  it('takes a date for its text, as JSON does', () => {
    const at = new Date('2026-01-02T03:04:05.678Z');

    expect(digestInput({ at })).toBe(digestInput({ at: '2026-01-02T03:04:05.678Z' }));
    expect(digestInput({ at })).not.toBe(digestInput({ at: new Date(0) }));
  });

  it('takes a file for its content: the same bytes uploaded twice are the same input', () => {
    const [first, second, third] = [newId(), newId(), newId()];
    const files = {
      [first]: { sha256: sha('a'), size: 10 },
      [second]: { sha256: sha('a'), size: 10 },
      [third]: { sha256: sha('b'), size: 10 },
    };

    const digest = digestInput({ file: first, dataset: 'x' }, files);

    expect(digestInput({ file: second, dataset: 'x' }, files)).toBe(digest);
    expect(digestInput({ file: third, dataset: 'x' }, files)).not.toBe(digest);
    expect(digestInput({ file: second, dataset: 'y' }, files)).not.toBe(digest);
    expect(digestInput({ file: newId(), dataset: 'x' }, files)).not.toBe(digest);
  });

  it('takes no name of an object’s own for a file', () => {
    expect(digestInput({ a: 'toString' })).not.toBe(digestInput({ a: 'constructor' }));
  });

  it('is the same exactly for inputs that are the same JSON', () => {
    const twoValues = fc.tuple(fc.jsonValue(), fc.jsonValue());

    fc.assert(
      fc.property(twoValues, ([one, other]) => {
        const areEqual = isSameJson(one, other);

        expect(digestInput(one) === digestInput(other)).toBe(areEqual);
        expect(digestInput(JSON.parse(JSON.stringify(one)))).toBe(digestInput(one));
      }),
    );
  });

  it('differs when any one leaf differs', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1 }), fc.nat(), (texts, place) => {
        const changed = texts.with(place % texts.length, `${texts[place % texts.length]}.`);

        expect(digestInput({ texts: changed })).not.toBe(digestInput({ texts }));
      }),
    );
  });
});

/** Independent of the code under test: equal when parsed, whatever the order of keys. */
function isSameJson(one: unknown, other: unknown): boolean {
  try {
    expect(JSON.parse(JSON.stringify(one))).toEqual(JSON.parse(JSON.stringify(other)));
    return true;
  } catch {
    return false;
  }
}
