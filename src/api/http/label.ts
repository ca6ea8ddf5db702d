/** The schema of a key or a group, wherever a client names one: in a body, a query or a URL's path. */
import { z } from 'zod';

export const maxLabelLength = 200;

/**
 * A key or a group. Labels are compared byte by byte and shown on pages, so they have no characters that
 * PostgreSQL refuses or that nobody can see.
 */
export const label = z
  .string()
  .min(1)
  .max(maxLabelLength)
  .refine((text) => text.isWellFormed() && !/\p{Cc}/u.test(text), 'has control characters or broken Unicode');
