/** Describes why a schema refuses a value, in words that name the fields. */
import type { z } from 'zod';
import { pathText } from '../tasks/model/json.ts';

const maxIssues = 5;

/** Describes the first five issues. Paths begin with `root`. */
export function describeIssues({ issues }: z.ZodError, root: string): string {
  const descriptions = issues
    .slice(0, maxIssues)
    .map(({ path, message }) => `${pathText(root, path)}: ${message}`);
  return [...descriptions, ...(issues.length > maxIssues ? ['…'] : [])].join('; ');
}
