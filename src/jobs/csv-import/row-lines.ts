/**
 * Rows on their way to the database: a line of JSON for each, as bytes. The bytes are made while rows come,
 * so that nothing else of a row lives for as long as its batch.
 */

/** How many characters are collected before they become bytes. */
const pieceChars = 8 * 1024;

export class RowLines {
  /** How many rows there are. */
  count = 0;
  /** About how many bytes there are. */
  size = 0;
  /** An object is put together by hand, as the names of the columns are the same in each. */
  private readonly names: readonly string[];
  private pieces: Buffer[] = [];
  private text = '';

  constructor(columns: readonly string[]) {
    this.names = columns.map((column, at) => `${at === 0 ? '{' : ','}${JSON.stringify(column)}:`);
  }

  /** @param values one for each column */
  add(values: readonly string[]): void {
    let line = this.count === 0 ? '' : '\n';
    for (let at = 0; at < this.names.length; at += 1) line += this.names[at] + JSON.stringify(values[at]);
    line += '}';
    this.text += line;
    this.size += line.length;
    this.count += 1;
    if (this.text.length >= pieceChars) this.cutPiece();
  }

  /** The lines of all rows since the last call. */
  take(): Buffer {
    this.cutPiece();
    const lines = Buffer.concat(this.pieces);
    this.pieces = [];
    this.count = 0;
    this.size = 0;
    return lines;
  }

  private cutPiece(): void {
    this.pieces.push(Buffer.from(this.text));
    this.text = '';
  }
}
