/**
 * Recognises files that are certainly not CSV: people choose the wrong file, or save a sign-in page instead
 * of the file.
 */

/** How files of other text formats begin. No header row begins like this. */
const textFormats: readonly (readonly [begin: RegExp, name: string])[] = [
  [/^%PDF-/, 'a PDF document'],
  [/^%!PS/, 'a PostScript document'],
  [/^\{\\rtf/, 'a Rich Text document'],
  [/^\s*<(!doctype html|html[\s>])/i, 'a web page (HTML)'],
  [/^\s*<(\?xml\s|!doctype\s|!--|[a-z][\w:.-]*[\s/>])/i, 'an XML or HTML document'],
  [/^\s*(\{\s*("|\})|\[\s*(\{|\[|"|\]|-?\d|(true|false|null)\b))/, 'JSON'],
  [/^BEGIN:V(CARD|CALENDAR)/i, 'a contact or calendar file'],
];

/** Names that people know. Other formats are named by their kind and usual file extension. */
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

/** The format of a file by the beginning of its text; undefined if it may be CSV. */
export function textFormatOf(text: string): string | undefined {
  return textFormats.find(([begin]) => begin.test(text))?.[1];
}

/**
 * The format of a file by its first bytes; undefined if it may be CSV.
 * @param beginning 4,100 bytes, or the whole file if it is shorter
 */
export async function binaryFormatOf(beginning: Buffer): Promise<string | undefined> {
  // A header row may begin with a short signature such as "BM" or "MZ", so signatures count only in binary
  // data.
  if (!isBinary(beginning.toString('latin1'))) return undefined;
  // Loaded here, because few files need it.
  const { fileTypeFromBuffer } = await import('file-type');
  const type = await fileTypeFromBuffer(beginning);
  if (type === undefined) return undefined;
  const kind = nameOfKind.find(([mime]) => mime.test(type.mime))?.[1] ?? 'a file';
  return names[type.mime] ?? `${kind} (.${type.ext})`;
}

/**
 * Whether the text has control characters that do not occur in text. Text in UTF-16 has zero bytes, so a file
 * with a UTF-16 byte order mark is not binary.
 */
function isBinary(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the function looks for control characters.
  return /[\x00-\x08\x0e-\x1a\x1c-\x1f]/.test(text) && !/^(\xff\xfe|\xfe\xff)/.test(text);
}
