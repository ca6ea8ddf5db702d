/** Where a record is. */
interface RecordPlace {
  /** Line on which the record starts, from 1. */
  line: number;
  /** Line on which the next one starts. */
  nextLine: number;
  /** Offset in the window after the record and its line break. */
  end: number;
}

/** A record as it stands in the file: any number of fields, not compared with the header. */
export interface ReadableRecord extends RecordPlace {
  values: string[];
  /** The same without blanks around quotes, where there are some: most people mean this. */
  unspaced: string[] | undefined;
  /** The line has nothing but white space, not even quotes. */
  isEmptyLine: boolean;
}

/** A stretch of the file from the start of a record to the line break after which reading went on. */
export interface UnreadableRecord extends RecordPlace {
  reason: string;
}

export type CsvRecord = ReadableRecord | UnreadableRecord;
