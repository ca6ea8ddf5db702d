/** The embedded PostgreSQL cannot be used; the message says in one line what to do about it. */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
}
