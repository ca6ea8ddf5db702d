/**
 * Numbers, amounts, durations and times as people read them. Pure: the server renders its pages with these
 * functions, and the browser updates the pages with the same ones.
 */

// Made when they are first needed: the first of them takes 25 ms.
/** @type {{ whole: Intl.NumberFormat, short: Intl.NumberFormat } | undefined} */
let numbers;

function numberFormats() {
  numbers ??= {
    whole: new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 }),
    short: new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 }),
  };
  return numbers;
}

/**
 * "12,300"; numbers below 100 keep one decimal; numbers too large to be exact become "1.2e+18".
 * @param {number} value
 */
export function formatNumber(value) {
  if (!Number.isFinite(value)) return '?';
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER) return value.toExponential(1).replace('.0e', 'e');
  const { whole, short } = numberFormats();
  return (Math.abs(value) < 100 ? short : whole).format(value);
}

const byteUnits = /** @type {const} */ ([
  ['bytes', 1],
  ['kB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['TB', 1e12],
]);

/**
 * The unit in which a number of bytes reads best.
 * @param {number} bytes
 */
function byteUnit(bytes) {
  return byteUnits.findLast(([, size]) => Math.abs(bytes) >= size) ?? byteUnits[0];
}

/**
 * "12.3 MB"
 * @param {number} bytes
 */
export function formatBytes(bytes) {
  const [name, size] = byteUnit(bytes);
  return `${formatNumber(bytes / size)} ${name}`;
}

/**
 * "12,300 rows", "12.3 MB", or "12,300" where there is no unit.
 * @param {number} value
 * @param {string | null} unit
 */
export function formatAmount(value, unit) {
  if (unit === 'bytes') return formatBytes(value);
  return unit === null ? formatNumber(value) : `${formatNumber(value)} ${unit}`;
}

/**
 * "1 row", "12,300 rows": for names whose plural only adds an s.
 * @param {number} count
 * @param {string} name in the singular
 */
export function formatCount(count, name) {
  return `${formatNumber(count)} ${name}${count === 1 ? '' : 's'}`;
}

/**
 * "100 MB": a limit that was set in whole megabytes of 1024 × 1024 bytes is shown as it was set.
 * @param {number} bytes
 */
export function formatLimit(bytes) {
  const megabytes = bytes / 1024 / 1024;
  return Number.isInteger(megabytes) ? `${formatNumber(megabytes)} MB` : formatBytes(bytes);
}

/**
 * "12,300 of 50,000 rows", both numbers in the unit of the total.
 * @param {number} done
 * @param {number} total
 * @param {string | null} unit
 */
export function formatShare(done, total, unit) {
  if (unit !== 'bytes') return `${formatNumber(done)} of ${formatAmount(total, unit)}`;
  const [name, size] = byteUnit(total);
  return `${formatNumber(done / size)} of ${formatNumber(total / size)} ${name}`;
}

/**
 * "8,200 rows a second", "12 MB/s", "3 pages a minute".
 * @param {number} perSecond
 * @param {string | null} unit
 */
export function formatRate(perSecond, unit) {
  if (unit === 'bytes') return `${formatBytes(perSecond)}/s`;
  if (perSecond >= 0.95) return `${formatAmount(perSecond, unit)} a second`;
  if (perSecond * 60 >= 0.95) return `${formatAmount(perSecond * 60, unit)} a minute`;
  return `${formatAmount(perSecond * 3600, unit)} an hour`;
}

/**
 * "8 s", "1 min 12 s", "2 h 5 min", "3 days 4 h".
 * @param {number} seconds
 */
export function formatDuration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return twoUnits(whole, 60, 'min', 1, 's');
  if (whole < 86_400) return twoUnits(whole, 3600, 'h', 60, 'min');
  if (whole < 100 * 86_400) return twoUnits(whole, 86_400, whole < 2 * 86_400 ? 'day' : 'days', 3600, 'h');
  return 'more than 99 days';
}

/** Below this, each number would be wrong before it is read. */
const fewSeconds = 8;
/** Steps in which a time left is told, and from how many seconds on each of them holds. */
const steps = /** @type {const} */ ([
  [10, 'second', 1, 5],
  [20, 'second', 1, 10],
  [55, 'minute', 60, 1],
  [600, 'minute', 60, 5],
  [3300, 'hour', 3600, 0.5],
  [3 * 3600, 'hour', 3600, 1],
  [86_400 - 1800, 'day', 86_400, 0.5],
  [3 * 86_400, 'day', 86_400, 1],
]);

/**
 * "a few seconds", "about 20 seconds", "about a minute", "about 2 minutes", "about 1.5 hours": as exact as
 * such a number can be.
 * @param {number} seconds
 */
export function formatTimeLeft(seconds) {
  if (seconds < fewSeconds) return 'a few seconds';
  const [, name, size, step] = steps.findLast(([from]) => seconds >= from) ?? steps[0];
  const count = Math.max(step, Math.round(seconds / size / step) * step);
  if (size === 86_400 && count >= 100) return 'more than 99 days';
  if (count === 1) return name === 'hour' ? 'about an hour' : `about a ${name}`;
  return `about ${formatNumber(count)} ${name}s`;
}

/**
 * @param {number} seconds
 * @param {number} large
 * @param {string} largeName
 * @param {number} small
 * @param {string} smallName
 */
function twoUnits(seconds, large, largeName, small, smallName) {
  const rest = Math.floor((seconds % large) / small);
  const first = `${Math.floor(seconds / large)} ${largeName}`;
  return rest === 0 ? first : `${first} ${rest} ${smallName}`;
}

/**
 * "2 to 4 minutes", "about 2 minutes", "40 seconds to 3 minutes", "less than a second": a range that is only roughly
 * known, in words.
 * @param {number} low seconds
 * @param {number} high seconds
 */
export function formatRange(low, high) {
  if (high < 1) return 'less than a second';
  const to = roughly(high);
  if (low < 1) return `up to ${to.words}`;
  const from = roughly(low);
  if (from.words === to.words) return to.amount === '1' ? `about a ${to.unit}` : `about ${to.words}`;
  return `${from.unit === to.unit ? from.amount : from.words} to ${to.words}`;
}

/** The units of rough durations, and from how many seconds on a duration is told in it. */
const roughUnits = /** @type {const} */ ([
  ['second', 1, 0],
  ['minute', 60, 90],
  ['hour', 3600, 90 * 60],
  ['day', 86_400, 36 * 3600],
]);

/** @param {number} seconds */
function roughly(seconds) {
  const [unit, size] = roughUnits.findLast(([, , from]) => seconds >= from) ?? roughUnits[0];
  const exact = seconds / size;
  const amount = formatNumber(exact < 20 ? Math.round(exact) : 5 * Math.round(exact / 5));
  return { unit, amount, words: `${amount} ${unit}${amount === '1' ? '' : 's'}` };
}

/**
 * "23 Nov 2026, 14:05:09 UTC", for the server, which does not know the time zone of its reader.
 * @param {Date} at
 */
export function formatUtc(at) {
  utc ??= new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium', timeZone: 'UTC' });
  return `${utc.format(at)} UTC`;
}

/**
 * Made once: that takes longer than to render a whole page.
 * @type {Intl.DateTimeFormat | undefined}
 */
let utc;

/**
 * The reader's own time, for the browser: "14:05:09" today, otherwise with the date.
 * @param {Date} at
 * @param {Date} now
 */
export function formatLocal(at, now) {
  return at.toDateString() === now.toDateString() ? timeOfDay(at) : dateTime(at);
}

/** @param {Date} at */
function dateTime(at) {
  return new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' }).format(at);
}

/** @param {Date} at */
function timeOfDay(at) {
  return new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' }).format(at);
}
