import { readFile, readdir } from "node:fs/promises";

/** Resident memory of a process and its descendants, in MiB. */
export async function residentMb(pid: number): Promise<number> {
  let total = await ownMb(pid);
  for (const thread of await readdir(`/proc/${pid}/task`)) {
    const children = await readFile(`/proc/${pid}/task/${thread}/children`, "utf8");
    for (const child of children.split(" ").filter(Boolean)) total += await residentMb(Number(child));
  }
  return total;
}

/** Resident memory of a process without its children's, in MiB. */
export async function ownMb(pid: number): Promise<number> {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1] ?? Number.NaN) / 1_024;
}

/** CPU time that a process has used, without its children's, in milliseconds; exact to 10. */
export async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const [user, system] = stat.slice(stat.lastIndexOf(")")).split(" ").slice(12, 14);
  return (Number(user) + Number(system)) * 10;
}
