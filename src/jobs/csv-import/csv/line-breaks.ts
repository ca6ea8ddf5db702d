/** A line ends with CR LF, LF or CR, and a file may mix them. RFC 4180 allows only CR LF. */
export const lineBreaks = ['\r\n', '\n', '\r'];

const carriageReturn = 13;
const lineFeed = 10;

/** Counts the line breaks in a text. */
export function countLineBreaks(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === lineFeed || (unit === carriageReturn && text.charCodeAt(at + 1) !== lineFeed)) count++;
  }
  return count;
}

export function hasLineBreak(text: string): boolean {
  return text.includes('\n') || text.includes('\r');
}

/**
 * Offset after the first line break at or after `from`. Undefined if there is no line break, or if it is a CR
 * as the last byte, as an LF may follow.
 */
export function afterLineBreak(bytes: Buffer, from: number): number | undefined {
  const lf = bytes.indexOf(lineFeed, from);
  const cr = bytes.subarray(0, lf < 0 ? bytes.length : lf).indexOf(carriageReturn, from);
  if (cr < 0 || cr === lf - 1) return lf < 0 ? undefined : lf + 1;
  return cr + 1 < bytes.length ? cr + 1 : undefined;
}
