/** Files that are surely no CSV: people choose the wrong file, or save the page that asks them to sign in. */
import { fileTypeFromBuffer } from 'file-type';

/** What text begins with in formats that are text too. A header row begins with none of these. */
const textFormats: readonly (readonly [begin: RegExp, name: string])[] = [
  [/^%PDF-/, 'a PDF document'],
  [/^%!PS/, 'a PostScript document'],
  [/^\{\\rtf/, 'a Rich Text document'],
  [/^\s*<(!doctype html|html[\s>])/i, 'a web page (HTML)'],
  [/^\s*<(\?xml\s|!doctype\s|!--|[a-z][\w:.-]*[\s/>])/i, 'an XML or HTML document'],
  [/^\s*(\{\s*("|\})|\[\s*(\{|\[|"|\]|-?\d|(true|false|null)\b))/, 'JSON'],
  [/^BEGIN:V(CARD|CALENDAR)/i, 'a contact or calendar file'],
];

/** In words that people know; others are called by their usual ending. */
const names: Readonly<Record<string, string>> = {
  'application/zip': 'a ZIP archive or an Excel or OpenDocument file',
  'application/x-cfb': 'an old Excel or Word file',
  'application/pdf': 'a PDF document',
  'application/gzip': 'a gzip archive',
  'application/x-sqlite3': 'an SQLite database',
  'image/png': 'a PNG image',
  'image/jpeg': 'a JPEG image',
  'image/gif': 'a GIF image',
};
const nameOfKind: readonly (readonly [mime: RegExp, name: string])[] = [
  [/spreadsheet/, 'an Excel or OpenDocument file'],
  [/^application\/(vnd\.(openxml|oasis)|x-ole)/, 'an Office document'],
  [/^image\//, 'an image'],
  [/^audio\//, 'a sound file'],
  [/^video\//, 'a video'],
];

/** What a file is instead of CSV, by what its text begins with; or undefined. */
export function textFormatOf(text: string): string | undefined {
  return textFormats.find(([begin]) => begin.test(text))?.[1];
}

/**
 * The same by its bytes.
 * @param beginning 4,100 bytes, or the whole file where it is shorter
 */
export async function binaryFormatOf(beginning: Buffer): Promise<string | undefined> {
  // Short marks such as "BM" and "MZ" may begin a header row: they are believed only where the bytes are no text.
  if (!isBinary(beginning.toString('latin1'))) return undefined;
  const type = await fileTypeFromBuffer(beginning);
  if (type === undefined) return undefined;
  const kind = nameOfKind.find(([mime]) => mime.test(type.mime))?.[1] ?? 'a file';
  return names[type.mime] ?? `${kind} (.${type.ext})`;
}

/** Control characters that no text has, whatever its encoding; UTF-16 has zero bytes, and a mark or many of them. */
function isBinary(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
  return /[\x00-\x08\x0e-\x1a\x1c-\x1f]/.test(text) && !/^(\xff\xfe|\xfe\xff)/.test(text);
}
