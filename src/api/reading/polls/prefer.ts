/** The Prefer header (RFC 7240): how long a client is willing to wait. */

const longestWaitSeconds = 60;

/** A preference: a token, perhaps a value, perhaps parameters. */
const wait = /^wait\s*=\s*(?:"\s*(\d+)\s*"|(\d+))\s*(?:;|$)/i;

/**
 * The seconds of `wait=N`, at most 60; undefined where the header has no `wait`, or one that cannot be read.
 * Of several, the first counts (section 2).
 */
export function waitSeconds(prefer: string | undefined): number | undefined {
  if (prefer === undefined) return undefined;
  const asked = splitList(prefer).find((preference) => /^wait\s*(=|;|$)/i.test(preference));
  const [, quoted, plain] = wait.exec(asked ?? '') ?? [];
  const seconds = quoted ?? plain;
  return seconds === undefined ? undefined : Math.min(longestWaitSeconds, Number(seconds));
}

/** The elements of a list. Quoted strings may hold commas; one without a closing quote goes on to the end. */
function splitList(value: string): string[] {
  // Each alternative that begins to match also ends: nothing is tried twice, however long the header.
  return [...value.matchAll(/(?:"(?:[^"\\]|\\.?)*(?:"|$)|[^,"])+/g)].map(([element]) => element.trim());
}
