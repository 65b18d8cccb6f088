/** The world as the machine sees it, read in a transaction. */
import type { ApprovalDeps } from "./deps.ts";
import type { World } from "./people.ts";
import type { ApprovalTx, Instant } from "./records.ts";

/** Stand-ins of a tenant that are read; later ones are refused when they are put. */
export const maxStandIns = 1_000;

export interface ReadWorld extends World {
  /** Grows with every change of the directory and of the stand-ins. */
  readonly version: number;
}

export async function readWorld(
  tx: ApprovalTx,
  { directory: directoryOf }: Pick<ApprovalDeps, "directory">,
  tenant: string,
  policyKey: string,
  { now, standInChanges }: Instant,
): Promise<ReadWorld> {
  const directory = directoryOf(tenant);
  const all = standInChanges === 0 ? [] : await tx.standIns.list(tenant, maxStandIns);
  const standIns = all.filter(({ since, until, policies }) => since <= now && now < until && (policies.length === 0 || policies.includes(policyKey)));
  return { now, directory, standIns, version: peopleVersion(directory, standInChanges) };
}

export function peopleVersion(directory: World["directory"], standInChanges: number): number {
  return standInChanges + (directory === undefined || directory === "unknown" ? 0 : directory.version);
}
