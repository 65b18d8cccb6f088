/** A token file with a principal for each of some names, and their tokens. */
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Role } from "../../src/kernel/caller.ts";
import type { Environment } from "./muster.ts";

export interface Principals<Name extends string> extends AsyncDisposable {
  readonly env: Environment;
  readonly token: Readonly<Record<Name, string>>;
}

/** What a token says beside its role. */
export interface Claimed {
  readonly groups?: readonly string[];
  readonly tenant?: string;
}

export async function principals<Name extends string>(
  held: Readonly<Record<Name, Role>>,
  claims?: Readonly<Partial<Record<Name, Claimed>>>,
): Promise<Principals<Name>> {
  const folder = await mkdtemp(join(tmpdir(), "muster-principals-"));
  const names = Object.keys(held) as Name[];
  const token = Object.fromEntries(names.map((name) => [name, `${name}-${"x".repeat(32)}`])) as Record<Name, string>;
  const tokens = names.map((principal) => ({
    principal,
    roles: [held[principal]],
    ...claims?.[principal],
    sha256: createHash("sha256").update(token[principal]).digest("hex"),
  }));
  await writeFile(join(folder, "tokens.json"), JSON.stringify({ tokens }));
  return {
    env: { MUSTER_AUTH: `tokens:${join(folder, "tokens.json")}` },
    token,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}
