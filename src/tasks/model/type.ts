/** What the type of a task may be: it names a job, a queue and, in a URL, a path. */
export const typePattern = /^[a-z][a-z0-9-]{0,62}$/;
