/** Who may call, and who exists: the gate, the files behind it, and the directory. */
import { followFile, type FollowedFile } from "./adapters/system/followed-file.ts";
import { createDirectories, type Directories } from "./approvals/directory/directories.ts";
import { directoryFailures } from "./approvals/directory/metrics.ts";
import type { DirectoryDocument, DirectoryTx } from "./approvals/directory/records.ts";
import type { DirectoryContent, DirectoryDocuments, DirectorySource } from "./approvals/directory/source.ts";
import type { Config } from "./config/config.ts";
import type { Log } from "./kernel/log.ts";
import type { LoopSpec } from "./kernel/loop.ts";
import type { Measures, Meter } from "./kernel/meter.ts";
import type { Clock, Store } from "./kernel/ports.ts";
import { tokenFileFailures } from "./rpc/platform/access-metrics.ts";
import { createAuthGate, type Gate } from "./rpc/platform/auth.ts";
import { parseTokenFile, type TokenTable } from "./rpc/platform/tokens.ts";

export interface PeopleOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
}

export interface Access {
  readonly gate: Gate;
  /** Undefined in open mode. */
  readonly tokens: FollowedFile<TokenTable> | undefined;
  readonly loops: readonly LoopSpec[];
  readonly measures: Measures;
}

/** A change is in force after two looks. */
const tokensEveryMs = 500;

/** Opens the gate. Rejects when the token file cannot be used. */
export async function openAccess({ auth }: Pick<Config, "auth">, { clock, log, meter }: PeopleOptions): Promise<Access> {
  const measures = { metrics: [tokenFileFailures] };
  if (auth.kind === "open") return { gate: createAuthGate({ mode: "open" }), tokens: undefined, loops: [], measures };
  const onFailure = (): void => meter.count(tokenFileFailures, {});
  const tokens = await followFile({ name: "tokens", path: auth.file, parse: parseTokenFile, clock, log, onFailure, isRequired: true });
  const table: Pick<TokenTable, "find"> = { find: (token) => tokens.current()?.value.find(token) };
  const round = async (): Promise<boolean> => {
    await tokens.look();
    return false;
  };
  return { gate: createAuthGate({ mode: "tokens", tokens: table }), tokens, loops: [{ name: "tokens", everyMs: tokensEveryMs, round }], measures };
}

/** The directory: the file of the configuration, else the holders of tokens, else none. It has looked once when this resolves. */
export async function openDirectories(
  { directory }: Pick<Config, "directory">,
  { tokens, store, ...options }: PeopleOptions & Pick<Access, "tokens"> & { readonly store: Store<DirectoryTx> },
): Promise<Directories> {
  const source = directory ? await fileSource(directory.file, options) : tokens && tokenSource(tokens);
  const directories = createDirectories({ ...options, store, source });
  // A store that is away is asked again by the loop.
  await directories.round().catch(() => undefined);
  return directories;
}

async function fileSource(path: string, { clock, log, meter }: PeopleOptions): Promise<DirectorySource> {
  const { parseDirectoryFile } = await import("./adapters/directory-file/parse.ts");
  const onFailure = (): void => meter.count(directoryFailures, {});
  const file = await followFile({ name: "directory", path, parse: parseDirectoryFile, clock, log, onFailure, isRequired: false });
  return sourceOf(file, (documents) => documents);
}

/** The token file's own loop looks at it. Without anybody in it, it does not say who exists. */
function tokenSource(tokens: FollowedFile<TokenTable>): DirectorySource {
  const { current } = sourceOf(tokens, (table) => (table.holders.length === 0 ? undefined : holdersOf(table)));
  return { look: async () => undefined, current };
}

/** The same content as long as the file's is the same. */
function sourceOf<T>({ current, look }: FollowedFile<T>, documentsOf: (value: T) => DirectoryDocuments | undefined): DirectorySource {
  let from: unknown;
  let made: DirectoryContent | undefined;
  return {
    look,
    current() {
      const content = current();
      if (content === undefined || content === from) return made;
      from = content;
      const documents = documentsOf(content.value);
      if (documents) made = { documents, asOf: content.asOf };
      return made;
    },
  };
}

function holdersOf({ holders }: TokenTable): DirectoryDocuments {
  const documents = new Map<string, DirectoryDocument>();
  for (const [tenant, its] of Map.groupBy(holders, ({ principal }) => principal.tenant)) {
    const members = its.map(({ principal: { key, name, groups, claimedRoles }, isEnabled }) => ({
      key,
      name,
      aliases: [],
      groups: groups.toSorted(),
      roles: claimedRoles.toSorted(),
      isEnabled,
    }));
    documents.set(tenant, { members: members.toSorted((a, b) => (a.key < b.key ? -1 : 1)) });
  }
  return documents;
}
