/**
 * A position between two records of a file, where reading can continue. Plain JSON, so that a checkpoint can
 * hold it.
 */
export interface CsvPosition {
  /** Bytes of the stored file, in its own encoding, before this position. */
  byteOffset: number;
  /** Number of the line that starts here, from 1, as a text editor counts. */
  line: number;
  /** Rows before this position. */
  rows: number;
  /** Lines and records rejected before this position. */
  rejected: number;
}
