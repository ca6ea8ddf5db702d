/** The Prefer header (RFC 7240): how long a client is willing to wait. */

const longestWaitSeconds = 60;

/** A preference: a token, perhaps a value, perhaps parameters. */
const wait = /^wait\s*=\s*(?:"\s*(\d+)\s*"|(\d+))\s*(?:;|$)/i;

/**
 * The seconds of `wait=N`, cut at 60; undefined where it is not asked for or cannot be understood. Where
 * it is said more than once the first counts (section 2).
 */
export function waitSeconds(prefer: string | undefined): number | undefined {
  if (prefer === undefined) return undefined;
  const asked = splitList(prefer).find((preference) => /^wait\s*(=|;|$)/i.test(preference));
  const [, quoted, plain] = wait.exec(asked ?? '') ?? [];
  const seconds = quoted ?? plain;
  return seconds === undefined ? undefined : Math.min(longestWaitSeconds, Number(seconds));
}

/** The elements of a list, whose quoted strings may hold commas; one that is left open goes to the end. */
function splitList(value: string): string[] {
  // Whatever it begins with it also ends: nothing is tried twice, however long the header.
  return [...value.matchAll(/(?:"(?:[^"\\]|\\.?)*(?:"|$)|[^,"])+/g)].map(([element]) => element.trim());
}
