/**
 * What a source says becomes the next version of each tenant's directory where it differs from the newest one. The same
 * content, read by two replicas, is one version. A replica that starts with a file from before the newest version does not
 * bring it back: only content that was never a version, or that was written or seen to change since, becomes one.
 */
import { canonicalJson, sha256 } from "../../kernel/canonical-json.ts";
import type { DirectoryDocument, DirectoryTx } from "./records.ts";
import type { DirectoryContent } from "./source.ts";

export interface Published {
  readonly tenant: string;
  readonly version: number;
  readonly people: number;
  /** The content is that of an older version, and this newer one stays. */
  readonly isStale: boolean;
}

const nobody: DirectoryDocument = { members: [] };

/** Resolves to what changed or is stale; to undefined when another replica was quicker, and it has to be done again. */
export async function publish({ directories }: DirectoryTx, { documents, asOf }: DirectoryContent): Promise<readonly Published[] | undefined> {
  const heads = new Map((await directories.heads()).map((head) => [head.tenant, head]));
  const published: Published[] = [];
  // A tenant of which the source has nobody any more has a version that says so.
  for (const tenant of new Set([...documents.keys(), ...heads.keys()])) {
    const document = documents.get(tenant) ?? nobody;
    const head = heads.get(tenant);
    const hash = sha256(canonicalJson(document));
    if (head?.hash === hash) continue;
    const isStale = head !== undefined && asOf <= head.readAt && (await directories.has(tenant, hash));
    const version = (head?.version ?? 0) + (isStale ? 0 : 1);
    if (!isStale && !(await directories.insert({ tenant, version, hash, document }))) return undefined;
    published.push({ tenant, version, people: document.members.length, isStale });
  }
  return published;
}
