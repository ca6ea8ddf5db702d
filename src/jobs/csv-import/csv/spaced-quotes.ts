/**
 * Reads quotes with blanks around them: `1, "x, y"`. By RFC 4180, section 2, rule 4, the blanks are part of
 * the field, so that the field is not quoted. But a person who writes this means a quoted field. A stray byte
 * order mark counts as a blank.
 */

/**
 * Whether a value, read strictly, may be a quoted one with blanks around it. Cheap, as it is called for every
 * value.
 */
export function mayBeSpaced(value: string): boolean {
  const first = value.charCodeAt(0);
  if (first === 0x20 || first === 0x09 || first === 0xfeff) return value.trimStart().startsWith('"');
  return first === 0x22 && value.trimEnd() !== value;
}

/**
 * The fields of one record, which is one line, without the blanks around quotes; undefined if its quotes do
 * not match. Blanks around fields without quotes stay.
 */
export function readSpacedQuotes(record: string, delimiter: string): string[] | undefined {
  const text = record.replace(/[\r\n]+$/, '');
  const isBlank = (char: string | undefined) =>
    char !== delimiter && (char === ' ' || char === '\t' || char === '\ufeff');
  const fields: string[] = [];
  for (let at = 0; at <= text.length; at += 1) {
    const start = at;
    while (isBlank(text[at])) at += 1;
    if (text[at] === '"') {
      const quoted = readQuoted(text, at);
      if (quoted === undefined) return undefined;
      fields.push(quoted.value);
      at = quoted.end;
      while (isBlank(text[at])) at += 1;
      if (at < text.length && text[at] !== delimiter) return undefined;
    } else {
      const end = text.indexOf(delimiter, start);
      at = end < 0 ? text.length : end;
      fields.push(text.slice(start, at));
    }
  }
  return fields;
}

/** Reads a quoted field from its opening quote on; `end` is the offset after the closing quote. */
function readQuoted(text: string, openingQuote: number): { value: string; end: number } | undefined {
  let value = '';
  let from = openingQuote + 1;
  for (;;) {
    const quote = text.indexOf('"', from);
    if (quote < 0) return undefined;
    value += text.slice(from, quote);
    if (text[quote + 1] !== '"') return { value, end: quote + 1 };
    value += '"';
    from = quote + 2;
  }
}
