/** Parts of a URL's path. */
import { z } from 'zod';
import { label, maxLabelLength } from './label.ts';
import { HttpProblem } from './problems.ts';

const maxIdLength = 100;
const idParams = z.object({ id: z.guid() });

/** @throws {HttpProblem} 400 for an id that is no UUID */
export function idFrom(params: unknown): string {
  if ((params as { id?: string }).id?.[maxIdLength]) {
    throw new HttpProblem('url-too-long', 'The id in the URL is longer than any id.');
  }
  const parsed = idParams.safeParse(params);
  if (parsed.success) return parsed.data.id.toLowerCase();
  throw new HttpProblem('invalid-request', 'The id in the URL is not a UUID.');
}

const groupParams = z.object({ group: label });

/** @throws {HttpProblem} 404 for an empty name, 400 for a name that no group can have */
export function groupFrom(params: unknown): string {
  if ((params as { group?: string }).group === '') {
    throw new HttpProblem('not-found', 'The URL does not say which group: its name follows /groups/.');
  }
  const parsed = groupParams.safeParse(params);
  if (parsed.success) return parsed.data.group;
  throw new HttpProblem(
    'invalid-request',
    `No group has such a name: names have at most ${maxLabelLength} characters, and no control characters.`,
  );
}
