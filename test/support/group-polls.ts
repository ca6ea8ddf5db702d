/** Groups of tasks, as a client of the API sees them. */
import type { TestApi } from './api.ts';

export interface GroupBody {
  readonly group: string;
  readonly version: string;
  readonly counts: Record<string, number>;
  readonly tasks: { id: string; status: string }[];
  readonly links: { self: string; events: string; all?: string };
}

export function groupUrl(api: TestApi, group: string): string {
  return `${api.url}/groups/${encodeURIComponent(group)}`;
}

export function getGroup(
  api: TestApi,
  group: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(groupUrl(api, group), { headers });
}

export async function groupBody(api: TestApi, group: string): Promise<GroupBody> {
  return (await (await getGroup(api, group)).json()) as GroupBody;
}
