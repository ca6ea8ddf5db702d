/**
 * Checks that the log of an outage stays readable: at warn and above at most 4 lines of a message, and 15 in
 * all.
 */
export function expectReadableLog(stdout: string): void {
  const loud = stdout.match(/^\{"level":[456]0.*$/gm) ?? [];
  const counts = Map.groupBy(loud, (line) => {
    const { name, msg } = JSON.parse(line) as { name: string; msg: string };
    return `${name}: ${msg}`;
  });
  const most = Math.max(0, ...[...counts.values()].map((lines) => lines.length));
  if (most > 4 || loud.length > 15)
    throw new Error(`The log has too many lines to be read:\n${loud.join('\n')}`);
}
