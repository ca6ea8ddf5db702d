/** Why a whole file cannot be read as CSV. A row that cannot be read is not an error: see `read.ts`. */
export type CsvFormatErrorCode =
  | 'csv_empty'
  | 'csv_other_format'
  | 'csv_header_unreadable'
  | 'csv_too_many_columns'
  | 'csv_column_name_too_long';

/**
 * The file has no usable header, so no row can be imported, and another try does not help.
 * The message is written for the person who sent the file.
 */
export class CsvFormatError extends Error {
  override readonly name = 'CsvFormatError';
  readonly code: CsvFormatErrorCode;

  constructor(code: CsvFormatErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
