/** Which URLs a job may give for its result: the JSON and the page link to no others. */

/**
 * The address itself where it is a path of this service or an http(s) URL; otherwise undefined. Control characters
 * and backslashes are refused anywhere in it: browsers drop the former and read the latter as slashes, so that
 * `/\t/other.example` leads to another site.
 */
export function safeLink(address: unknown): string | undefined {
  if (typeof address !== 'string' || /[\p{Cc}\\]/u.test(address)) return undefined;
  const isPath = /^\/(?!\/)/.test(address);
  return isPath || (/^https?:\/\//i.test(address) && URL.canParse(address)) ? address : undefined;
}
