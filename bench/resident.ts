import { readFile, readdir } from "node:fs/promises";

/** Resident memory of a process and its descendants, in MiB. */
export async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  let total = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) / 1_024;
  for (const thread of await readdir(`/proc/${pid}/task`)) {
    const children = await readFile(`/proc/${pid}/task/${thread}/children`, "utf8");
    for (const child of children.split(" ").filter(Boolean)) total += await residentMb(Number(child));
  }
  return total;
}
