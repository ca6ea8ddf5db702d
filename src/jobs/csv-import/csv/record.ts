/** The place of a record in the file. */
interface RecordPlace {
  /** Line on which the record starts, from 1. */
  line: number;
  /** Line on which the next record starts. */
  nextLine: number;
  /** Offset in the window after the record and its line break. */
  end: number;
}

/** A record as the file has it, with any number of fields: it was not compared with the header. */
export interface ReadableRecord extends RecordPlace {
  values: string[];
  /**
   * The values without blanks around their quotes, which is what most people mean; undefined without such
   * blanks.
   */
  unspaced: string[] | undefined;
  /** The line has only white space, and no quotes either. */
  isEmptyLine: boolean;
}

/**
 * A part of the file that could not be read: from the start of a record to the line break where reading
 * continued.
 */
export interface UnreadableRecord extends RecordPlace {
  reason: string;
}

export type CsvRecord = ReadableRecord | UnreadableRecord;
