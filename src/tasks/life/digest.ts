/**
 * How requests were compared before 0.2: by a digest of the input as the job's schema returned it, with each
 * file replaced by its content. Tasks of that time have a digest, and are still compared by it.
 */
import { createHash } from 'node:crypto';

export interface FileContent {
  readonly sha256: string;
  readonly size: number;
}

/**
 * The sha256 (hex) of the input as canonical JSON (keys sorted, as in RFC 8785).
 * @param files the content of each file by its id, so that two uploads of the same bytes are the same input
 */
export function digestInput(input: unknown, files: Readonly<Record<string, FileContent>> = {}): string {
  const canonical = (value: unknown): unknown => {
    if (typeof value === 'string' && Object.hasOwn(files, value)) {
      const { sha256, size } = files[value] as FileContent;
      return { sha256, size };
    }
    if (Array.isArray(value)) return value.map(canonical);
    if (value === null || typeof value !== 'object') return value;
    if ('toJSON' in value && typeof value.toJSON === 'function') return canonical(value.toJSON());
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    return Object.fromEntries(
      entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, canonical(v)]),
    );
  };
  // No input at all is stored as null.
  return createHash('sha256')
    .update(JSON.stringify(canonical(input)) ?? 'null')
    .digest('hex');
}
