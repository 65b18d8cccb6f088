/** What reads a directory that is not a file of this machine. */
import { createHostResolver } from "./adapters/system/resolve-host.ts";
import type { DirectoryDocuments } from "./approvals/directory/source.ts";
import type { DirectorySettings } from "./config/directory.ts";

/** Reads a directory from afar, once. */
export async function directoryReader(directory: Exclude<DirectorySettings, { kind: "file" }>): Promise<(signal: AbortSignal) => Promise<DirectoryDocuments>> {
  // The operator names the host: private addresses are as good as others, but no name leads to a metadata service.
  const resolveHost = createHostResolver({ allowLoopback: true, allowedRanges: [] });
  if (directory.kind === "http") {
    const { readHttpDirectory } = await import("./adapters/directory-http/read.ts");
    return (signal) => readHttpDirectory({ ...directory, resolveHost }, signal);
  }
  const { readKeycloak } = await import("./adapters/directory-keycloak/read.ts");
  return (signal) => readKeycloak({ ...directory, resolveHost }, signal);
}
