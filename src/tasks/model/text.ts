/**
 * Text as PostgreSQL can store it: jsonb refuses U+0000 and lone surrogates, text refuses U+0000.
 * Everything that enters from outside (requests, files, jobs) passes through here.
 */

/** Removes U+0000 and replaces lone surrogates by U+FFFD. */
export function cleanseText(text: string): string {
  const withoutNull = text.includes('\0') ? text.replaceAll('\0', '') : text;
  return withoutNull.toWellFormed();
}

/** Cleansed, and cut to at most `maxLength` UTF-16 units, an ellipsis included, without splitting a pair. */
export function cleanseAndCut(text: string, maxLength: number): string {
  // Cut before cleansing, so that a message of a megabyte is not scanned for its first characters.
  if (text.length <= maxLength) return cleanseText(text);
  const kept = cleanseText(text.slice(0, maxLength - 1));
  // A pair split by the cut has just become U+FFFD.
  return `${kept.endsWith('\uFFFD') ? kept.slice(0, -1) : kept}…`;
}

/** A copy of a JSON value with every string and key cleansed. */
export function cleanseJson(value: unknown): unknown {
  if (typeof value === 'string') return cleanseText(value);
  if (Array.isArray(value)) return value.map(cleanseJson);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [cleanseText(key), cleanseJson(item)]),
  );
}
