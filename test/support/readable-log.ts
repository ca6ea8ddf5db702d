/** What is said of an outage at warn and above: of each thing a line in 10 s at most, and of all a handful. */
export function expectReadableLog(stdout: string): void {
  const loud = stdout.match(/^\{"level":[456]0.*$/gm) ?? [];
  const counts = Map.groupBy(loud, (line) => {
    const { name, msg } = JSON.parse(line) as { name: string; msg: string };
    return `${name}: ${msg}`;
  });
  const most = Math.max(0, ...[...counts.values()].map((lines) => lines.length));
  if (most > 4 || loud.length > 15) throw new Error(`Nobody reads that many lines:\n${loud.join('\n')}`);
}
