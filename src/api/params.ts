/** Parts of a URL's path. */
import { z } from 'zod';
import { HttpProblem } from './problems.ts';

const idParams = z.object({ id: z.guid() });

/** @throws {HttpProblem} 400 for an id that is no UUID */
export function idFrom(params: unknown): string {
  const parsed = idParams.safeParse(params);
  if (parsed.success) return parsed.data.id.toLowerCase();
  throw new HttpProblem('invalid-request', 'The id in the URL is not a UUID.');
}
