/** Which URLs a job may give for its result. The JSON and the page link to no other URLs. */

/**
 * Returns the address if it is a path of this service or an http(s) URL, otherwise undefined. An address with
 * control characters or backslashes is refused: browsers drop control characters and read backslashes as
 * slashes, so that `/\t/other.example` leads to another site.
 */
export function safeLink(address: unknown): string | undefined {
  if (typeof address !== 'string' || /[\p{Cc}\\]/u.test(address)) return undefined;
  const isPath = /^\/(?!\/)/.test(address);
  return isPath || (/^https?:\/\//i.test(address) && URL.canParse(address)) ? address : undefined;
}
