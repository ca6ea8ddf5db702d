/**
 * A place between two records of a file, where reading can go on. Plain JSON, so that it can lie in a
 * checkpoint.
 */
export interface CsvPosition {
  /** Bytes of the stored file, in its own encoding, before this place. */
  byteOffset: number;
  /** Number of the line that starts here, from 1, as a text editor counts. */
  line: number;
  /** Rows before this place. */
  rows: number;
  /** Lines and records rejected before this place. */
  rejected: number;
}
