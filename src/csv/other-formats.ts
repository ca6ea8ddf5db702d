/** Files that are surely no CSV, by the bytes that they begin with: people choose the wrong file. */

interface OtherFormat {
  readonly start: Buffer;
  readonly name: string;
}

// The magic numbers that each format's own specification demands; no text begins with one by chance.
const otherFormats: readonly OtherFormat[] = [
  { start: Buffer.from('504b0304', 'hex'), name: 'a ZIP archive or an Excel or OpenDocument file' },
  { start: Buffer.from('d0cf11e0a1b11ae1', 'hex'), name: 'an old Excel or Word file' },
  { start: Buffer.from('%PDF-', 'latin1'), name: 'a PDF document' },
  { start: Buffer.from('89504e470d0a1a0a', 'hex'), name: 'a PNG image' },
  { start: Buffer.from('ffd8ff', 'hex'), name: 'a JPEG image' },
  { start: Buffer.from('GIF87a', 'latin1'), name: 'a GIF image' },
  { start: Buffer.from('GIF89a', 'latin1'), name: 'a GIF image' },
  { start: Buffer.from('1f8b08', 'hex'), name: 'a gzip archive' },
  { start: Buffer.from('SQLite format 3\0', 'latin1'), name: 'an SQLite database' },
];

/** What a file is instead of CSV, or undefined. */
export function otherFormatOf(beginning: Buffer): string | undefined {
  return otherFormats.find(({ start }) => beginning.subarray(0, start.length).equals(start))?.name;
}
