/** What processes use of the machine, read from /proc: on Linux only. */
import { readdir, readFile } from 'node:fs/promises';

/** What `getconf CLK_TCK` says on every Linux of today. */
const ticksPerSecond = 100;

interface ProcessTimes {
  readonly parent: number;
  readonly ticks: number;
}

/** Milliseconds of a process, its children, and those of its children that have ended; NaN where there is no /proc. */
export async function processorTimeMs(pid: number): Promise<number> {
  const processes = await readProcesses();
  const ticksOf = (id: number): number => {
    let ticks = processes.get(id)?.ticks ?? Number.NaN;
    for (const [child, { parent }] of processes) if (parent === id) ticks += ticksOf(child);
    return ticks;
  };
  return (ticksOf(pid) * 1000) / ticksPerSecond;
}

async function readProcesses(): Promise<Map<number, ProcessTimes>> {
  const names = await readdir('/proc').catch(() => []);
  const processes = new Map<number, ProcessTimes>();
  await Promise.all(
    names
      .filter((name) => /^\d+$/.test(name))
      .map(async (name) => {
        // A process may end between the two reads.
        const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
        // The name of the program, in brackets, may have blanks and brackets itself.
        const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        const [parent, ...times] = [fields[1], fields[11], fields[12], fields[13], fields[14]].map(Number);
        if (parent === undefined || Number.isNaN(parent)) return;
        processes.set(Number(name), { parent, ticks: times.reduce((sum, time) => sum + time, 0) });
      }),
  );
  return processes;
}

/** Megabytes that a process has resident; NaN where there is no /proc. */
export async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return (Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024) / 1e6;
}
