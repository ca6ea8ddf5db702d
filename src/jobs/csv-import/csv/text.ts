/** Turns bytes that were read as Latin-1 into the text that they stand for. */
import type { CsvEncoding } from './encoding.ts';

const c1Controls = /[\x80-\x9f]/g;

/** The 32 bytes in which Windows-1252 differs from Latin-1: WHATWG Encoding, index windows-1252. */
const windows1252 = new TextDecoder('windows-1252').decode(
  Uint8Array.from({ length: 32 }, (_, at) => 0x80 + at),
);

/** Returns a function that turns a field as csv-parse reads it into its text. */
export function textOf(encoding: CsvEncoding): (field: string) => string {
  if (encoding !== 'windows-1252') return (field) => field;
  return (field) => field.replace(c1Controls, (control) => windows1252.charAt(control.charCodeAt(0) - 0x80));
}
