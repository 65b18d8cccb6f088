import { readFile } from "node:fs/promises";
import type { Source } from "../../inbound/types.ts";
import type { ParseOptions } from "./parse.ts";

/** The sources of a file; none without one. Rejects when it cannot be read or is not valid. */
export async function readSources(file: string | undefined, options: ParseOptions): Promise<readonly Source[]> {
  if (file === undefined) return [];
  const { parseSources } = await import("./parse.ts");
  return parseSources(await readFile(file, "utf8"), options);
}
