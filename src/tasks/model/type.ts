/** Which names a task's type may have: the type names a job, a queue and, in a URL, a path. */
export const typePattern = /^[a-z][a-z0-9-]{0,62}$/;
