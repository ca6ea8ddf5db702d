/** Durations as people and programs write them: `30d`, `1h 30m`, `P30D`, `P1Y2M`. */

export interface Duration {
  /** Of the calendar: how long they are depends on where they begin, so PostgreSQL counts them. */
  readonly months: number;
  /** All the rest: a week is 7 days, a day is 24 hours. */
  readonly seconds: number;
}

/** What cannot be read as a duration; the message says what can. */
export class DurationError extends Error {
  override name = 'DurationError';
}

export const durationExamples = '30d, 12h, 90m, 45s, 2w, 1d 12h, or ISO 8601 such as P30D, PT12H or P1Y2M';

// No decimal comma: whoever writes 1,000d means a thousand days.
const number = String.raw`\d{1,15}(?:\.\d{1,15})?`;
const part = (name: string, unit: string) => `(?:(?<${name}>${number})${unit})?`;

// The look-aheads want at least one part, and one after the T.
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

/** Longer ones lead out of the time that PostgreSQL knows. */
const maxYears = 1000;

/**
 * Reads a duration. Parts go from the largest to the smallest, each at most once; only the smallest may
 * have a fraction, and years and months none. `m` is minutes: months are written `P2M`.
 * @throws {DurationError}
 */
export function parseDuration(text: string): Duration {
  const trimmed = text.trim();
  const parts = Object.entries(iso.exec(trimmed)?.groups ?? short.exec(trimmed)?.groups ?? {}).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  if (parts.length === 0) throw new DurationError(`${quote(text)} is no duration: write ${durationExamples}`);

  const hasFraction = ([, value]: [string, string]) => value.includes('.');
  const fractional = parts.find(hasFraction);
  if (fractional && (fractional !== parts.at(-1) || !(fractional[0] in secondsOf)))
    throw new DurationError(
      `${quote(text)}: only the last part may have a fraction, and years and months none`,
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
