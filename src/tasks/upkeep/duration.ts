/** Durations as people and programs write them: `30d`, `1h 30m`, `P30D`, `P1Y2M`. */

export interface Duration {
  /**
   * Months of the calendar (a year is 12). Their length depends on the date, so PostgreSQL does the
   * arithmetic.
   */
  readonly months: number;
  /** All other parts; a week is 7 days, a day is 24 hours. */
  readonly seconds: number;
}

/** Thrown for a text that is no duration; the message tells what a duration looks like. */
export class DurationError extends Error {
  override name = 'DurationError';
}

export const durationExamples = '30d, 12h, 90m, 45s, 2w, 1d 12h, or ISO 8601 such as P30D, PT12H or P1Y2M';

// Without the decimal comma, because 1,000d means a thousand days to many people.
const number = String.raw`\d{1,15}(?:\.\d{1,15})?`;
const part = (name: string, unit: string) => `(?:(?<${name}>${number})${unit})?`;

// The look-aheads require at least one part, and at least one after the T.
const iso = new RegExp(
  `^P(?=.)${part('years', 'Y')}${part('months', 'M')}${part('weeks', 'W')}${part('days', 'D')}` +
    `(?:T(?=.)${part('hours', 'H')}${part('minutes', 'M')}${part('seconds', 'S')})?$`,
);
const short = new RegExp(
  `^(?=.)${['weeks', 'days', 'hours', 'minutes', 'seconds'].map((name) => part(name, ` ?${name.charAt(0)}`)).join(' ?')}$`,
  'i',
);

const secondsOf: Readonly<Record<string, number>> = {
  weeks: 7 * 86_400,
  days: 86_400,
  hours: 3600,
  minutes: 60,
  seconds: 1,
};

/** A limit, because a much longer duration leads to dates that PostgreSQL cannot represent. */
const maxYears = 1000;

/**
 * Reads a duration. Its parts stand in order from the largest unit to the smallest, each unit at most once.
 * Only the last part may have a fraction, and years and months may have none. `m` means minutes; months are
 * written `P2M`.
 * @throws {DurationError} for any other text, and for more than 1,000 years
 */
export function parseDuration(text: string): Duration {
  const trimmed = text.trim();
  const parts = Object.entries(iso.exec(trimmed)?.groups ?? short.exec(trimmed)?.groups ?? {}).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  if (parts.length === 0)
    throw new DurationError(`${quote(text)} is not a duration: write ${durationExamples}`);

  const hasFraction = ([, value]: [string, string]) => value.includes('.');
  const fractional = parts.find(hasFraction);
  if (fractional && (fractional !== parts.at(-1) || !(fractional[0] in secondsOf)))
    throw new DurationError(
      `${quote(text)}: only the last part may have a fraction, and years and months may have none`,
    );

  let [months, seconds] = [0, 0];
  for (const [name, value] of parts) {
    const amount = Number(value);
    if (name === 'years') months += 12 * amount;
    else if (name === 'months') months += amount;
    else seconds += amount * (secondsOf[name] ?? 0);
  }
  if (months / 12 + seconds / (365.25 * 86_400) > maxYears)
    throw new DurationError(`${quote(text)} is longer than ${maxYears} years`);
  return { months, seconds };
}

function quote(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
