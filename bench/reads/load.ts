/**
 * Sends requests as fast as a server answers, from a separate process: wrk if it is installed, else
 * autocannon.
 */
import { execFile, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const defaultConnections = 64;

export interface Load {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface LoadOptions {
  readonly url: string;
  /** The paths, of which one is taken at random for each request. */
  readonly paths: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly seconds: number;
  /** Default 64. */
  readonly connections?: number;
  /** Sent by POST; without it, requests are GET. */
  readonly body?: string;
}

/** The message to `cannon.ts`. */
export type CannonTask = LoadOptions & { readonly connections: number };

export const tool = hasWrk() ? 'wrk' : 'autocannon';

export function load(options: LoadOptions): Promise<Load> {
  return tool === 'wrk' ? loadByWrk(options) : loadByAutocannon(options);
}

async function loadByWrk(options: LoadOptions): Promise<Load> {
  const { url, paths, headers, seconds, body, connections = defaultConnections } = options;
  const folder = await mkdtemp(path.join(os.tmpdir(), 'headway-wrk-'));
  const script = path.join(folder, 'paths.lua');
  await writeFile(script, wrkScript(paths, body));
  const given = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const settings = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '-s', script];
  const { stdout } = await run('wrk', [...settings, ...given, url]);
  await rm(folder, { recursive: true });
  const trouble = /(Non-2xx or 3xx responses|Socket errors).*/.exec(stdout);
  if (trouble) throw new Error(trouble[0]);
  return {
    requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
    p50Ms: milliseconds(/^\s+50%\s+(\S+)$/m.exec(stdout)?.[1]),
    p99Ms: milliseconds(/^\s+99%\s+(\S+)$/m.exec(stdout)?.[1]),
  };
}

/**
 * A script that builds the requests before the load begins, so that the client has little work per request.
 */
function wrkScript(paths: readonly string[], body: string | undefined): string {
  const rest = body === undefined ? '' : `, nil, ${JSON.stringify(body)}`;
  return `local paths = {${paths.map((each) => JSON.stringify(each)).join(',')}}
local requests = {}
init = function(args)
  math.randomseed(42)
  for i, path in ipairs(paths) do requests[i] = wrk.format("${body === undefined ? 'GET' : 'POST'}", path${rest}) end
end
request = function() return requests[math.random(#requests)] end
`;
}

function milliseconds(text: string | undefined): number {
  const [, value, unit] = /^([\d.]+)(us|ms|s)$/.exec(text ?? '') ?? [];
  return Number(value) * (unit === 'us' ? 0.001 : unit === 's' ? 1000 : 1);
}

async function loadByAutocannon(options: LoadOptions): Promise<Load> {
  const cannon = fork(path.join(import.meta.dirname, 'cannon.ts'));
  cannon.send({ connections: defaultConnections, ...options } satisfies CannonTask);
  const [answer] = (await Promise.race([once(cannon, 'message'), once(cannon, 'exit')])) as [Load | number];
  if (typeof answer === 'number') throw new Error('autocannon has failed');
  return answer;
}

function hasWrk(): boolean {
  try {
    execFileSync('wrk', ['-v'], { stdio: 'ignore' });
    return true;
  } catch (error) {
    // `wrk --version` ends with exit code 1, too; only ENOENT means that there is no wrk.
    return (error as { code?: string }).code !== 'ENOENT';
  }
}
