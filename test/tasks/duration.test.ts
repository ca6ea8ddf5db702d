import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DurationError, parseDuration } from '../../src/tasks/upkeep/duration.ts';

const day = 86_400;

describe('a duration', () => {
  it.each([
    ['30d', 30 * day],
    ['12h', 12 * 3600],
    ['90m', 90 * 60],
    ['45s', 45],
    ['2w', 14 * day],
    ['0s', 0],
    ['1d12h', 1.5 * day],
    ['1d 12h', 1.5 * day],
    ['30 d', 30 * day],
    ['30D', 30 * day],
    [' 30d ', 30 * day],
    ['1.5h', 5400],
    ['0.5d', 43_200],
    ['007d', 7 * day],
    ['P30D', 30 * day],
    ['PT12H', 12 * 3600],
    ['PT90M', 90 * 60],
    ['PT0S', 0],
    ['P2W', 14 * day],
    ['P1DT12H', 1.5 * day],
    ['PT1.5H', 5400],
    ['PT0.25S', 0.25],
  ])('%s is %d seconds', (text, seconds) => {
    expect(parseDuration(text)).toEqual({ months: 0, seconds });
  });

  it('has months and years in ISO 8601 only, and keeps them as months, because PostgreSQL knows the calendar', () => {
    expect(parseDuration('P1Y2M')).toEqual({ months: 14, seconds: 0 });
    expect(parseDuration('P2M')).toEqual({ months: 2, seconds: 0 });
    expect(parseDuration('P1Y2M10DT2H30M')).toEqual({ months: 14, seconds: 10 * day + 9000 });
  });

  it.each([
    '',
    ' ',
    '30',
    'd',
    '-1d',
    '+1d',
    '1d1d',
    '1h1d',
    '1mo',
    '1y',
    '30 days',
    '1,000d',
    'PT1,000H',
    '1e3d',
    '0x10d',
    '٣d',
    'P',
    'PT',
    'P1DT',
    'T1H',
    'P1H',
    'PT1D',
    'P-1D',
    'p30d',
    'P1D2W',
    '1d P1D',
    'Infinityd',
    'NaNd',
    '9'.repeat(400),
  ])('is not %j, and the message says what would be', (text) => {
    expect(() => parseDuration(text)).toThrow(DurationError);
    expect(() => parseDuration(text)).toThrow(/30d, 12h, 90m/);
  });

  it.each(['1.5d12h', 'P0.5Y', 'P1.5M', 'P1.5DT1H'])(
    'has no fraction in the midst of it, as in %s',
    (text) => {
      expect(() => parseDuration(text)).toThrow(/only the last part may have a fraction/);
    },
  );

  it.each(['99999w', 'P1001Y', '999999999999999d'])('is not longer than 1000 years: %s', (text) => {
    expect(() => parseDuration(text)).toThrow(/longer than 1000 years/);
  });

  it('is the sum of its parts, written either way', () => {
    const amount = fc.option(fc.nat(500), { nil: undefined });
    fc.assert(
      fc.property(
        fc.record({ w: amount, d: amount, h: amount, m: amount, s: amount }),
        fc.constantFrom('', ' '),
        (parts, space) => {
          const written = (unit: keyof typeof parts, upper = '') =>
            parts[unit] === undefined ? [] : [`${parts[unit]}${upper || unit}`];
          const short = (['w', 'd', 'h', 'm', 's'] as const).flatMap((unit) => written(unit)).join(space);
          const date = [...written('w', 'W'), ...written('d', 'D')].join('');
          const time = [...written('h', 'H'), ...written('m', 'M'), ...written('s', 'S')].join('');
          fc.pre(short !== '');
          const { w = 0, d = 0, h = 0, m = 0, s = 0 } = parts;
          const expected = { months: 0, seconds: (((w * 7 + d) * 24 + h) * 60 + m) * 60 + s };

          expect(parseDuration(short)).toEqual(expected);
          expect(parseDuration(`P${date}${time && `T${time}`}`)).toEqual(expected);
        },
      ),
    );
  });

  it('is finite and not negative for any text, or the text is refused with a DurationError', () => {
    const pieces = fc.array(
      fc.oneof(
        fc.nat().map(String),
        fc.constantFrom(...'PTYMWDHSdhmsw.,- \n'),
        fc.string({ unit: 'binary' }),
      ),
    );
    fc.assert(
      fc.property(pieces, (texts) => {
        try {
          const { months, seconds } = parseDuration(texts.join(''));
          expect(Number.isInteger(months) && months >= 0).toBe(true);
          expect(Number.isFinite(seconds) && seconds >= 0).toBe(true);
        } catch (error) {
          if (!(error instanceof DurationError)) throw error;
        }
      }),
    );
  });
});
