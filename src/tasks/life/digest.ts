/**
 * What "the same request" meant before 0.2: a digest of the input as the job's schema returned it, with files by their
 * content. Tasks that were submitted then have one, and are compared by it.
 */
import { createHash } from 'node:crypto';

export interface FileContent {
  readonly sha256: string;
  readonly size: number;
}

/**
 * sha256 (hex) over the input as canonical JSON (keys sorted, as in RFC 8785).
 * @param files content by file id: two uploads of the same bytes are the same input
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
