/**
 * Reads the records that most files consist of, several times as fast as csv-parse: those of RFC 4180, with
 * any kind of line break, and with quotes inside fields that do not begin with one. Of such records csv-parse
 * would make exactly the same values.
 */
import { isAscii } from 'node:buffer';
import { cleanseText } from '../../../tasks/model/text.ts';
import type { CsvEncoding } from './encoding.ts';
import { textOf } from './text.ts';

export interface StrictRecord {
  /** Cleansed text. */
  values: string[];
  /** Offset, in the bytes that were read, after the record and its line break. */
  end: number;
  /** The record contains a quote. */
  hasQuotes: boolean;
}

export interface StrictRecords {
  records: StrictRecord[];
  /** The next record is not strict: text follows a closing quote. Otherwise the bytes end within it. */
  isRefused: boolean;
}

const quote = 0x22;
const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const beyondAscii = /[\x80-\xff]/;

/** Returns a function that reads the records at the beginning of bytes in which a record starts. */
export function strictReader(encoding: CsvEncoding, delimiter: string): (bytes: Buffer) => StrictRecords {
  const separator = delimiter.charCodeAt(0);
  const toText = textOf(encoding);

  /** The end of a quoted field, after its closing quote; -1 if it is not in the bytes. */
  function closing(bytes: Buffer, opening: number): number {
    for (let at = bytes.indexOf(quote, opening + 1); at >= 0; at = bytes.indexOf(quote, at + 2)) {
      if (bytes[at + 1] !== quote) return at + 1;
    }
    return -1;
  }

  return (bytes) => {
    const records: StrictRecord[] = [];
    const { length } = bytes;
    // Cutting a text is much faster than decoding bytes, so only fields with other characters are decoded.
    const whole = toText(bytes.toString('latin1'));
    const isOneByte = encoding === 'windows-1252' || isAscii(bytes);
    const textBetween = (from: number, to: number) => {
      const text = whole.slice(from, to);
      return isOneByte || !beyondAscii.test(text) ? text : bytes.toString('utf8', from, to);
    };
    // Decoded bytes have no lone surrogates, so U+0000 is all that may have to be removed.
    const cleanse = bytes.includes(0) ? cleanseText : (text: string) => text;

    let values: string[] = [];
    let hasQuotes = false;
    let at = 0;
    while (at < length) {
      const from = at;
      let value: string | undefined;
      if (bytes[at] === quote) {
        hasQuotes = true;
        at = closing(bytes, from);
        // Whether a quote at the end of the bytes closes the field is known with the byte after it.
        if (at < 0 || at === length) return { records, isRefused: false };
        const text = textBetween(from + 1, at - 1);
        value = text.includes('"') ? text.replaceAll('""', '"') : text;
      }
      let byte = bytes[at];
      if (value === undefined) {
        while (at < length && byte !== separator && byte !== lineFeed && byte !== carriageReturn) {
          if (byte === quote) hasQuotes = true;
          at += 1;
          byte = bytes[at];
        }
        if (at === length) return { records, isRefused: false };
        value = textBetween(from, at);
      } else if (byte !== separator && byte !== lineFeed && byte !== carriageReturn) {
        return { records, isRefused: true };
      }
      values.push(cleanse(value));
      at += 1;
      if (byte === separator) continue;
      if (byte === carriageReturn) {
        // An LF that belongs to this line break may come with the next bytes.
        if (at === length) return { records, isRefused: false };
        if (bytes[at] === lineFeed) at += 1;
      }
      records.push({ values, end: at, hasQuotes });
      values = [];
      hasQuotes = false;
    }
    return { records, isRefused: false };
  };
}
