import { basename, delimiter, dirname, relative, resolve } from "node:path";
import type { Settings } from "../../config/settings.ts";

/** The process as far as it shows how it was called. */
export interface Called {
  /** The script that Node runs: absolute. */
  readonly script: string;
  readonly cwd: string;
  readonly settings: Settings;
}

/** What a person types to call this program once more: `muster` when it is on the PATH, `npx muster` below npm, else by its path. */
export function calledAs({ script, cwd, settings }: Called): string {
  if (settings["npm_command"] !== undefined) return "npx muster";
  const near = relative(cwd, script);
  const path = near.startsWith("..") ? script : near;
  if (basename(script).endsWith(".js")) return `node ${path}`;
  const isOnPath = (settings["PATH"] ?? "").split(delimiter).some((folder) => resolve(cwd, folder) === dirname(script));
  return isOnPath ? basename(script) : path.includes("/") ? path : `./${path}`;
}

/** A hint or an example in which every `muster COMMAND` is worded as the program was called. */
export function worded(text: string, program: string): string {
  return text.replace(/(?<![\w@/.-])muster (?=[a-z-]|COMMAND)/g, `${program} `);
}
