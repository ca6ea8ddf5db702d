/** Reads the metrics of a process. */

/** The values by name and labels, as written in the text format of Prometheus. */
export async function metricsOf(
  url: string,
  headers: Record<string, string> = {},
): Promise<Map<string, number>> {
  const response = await fetch(`${url}/metrics`, { headers });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}
