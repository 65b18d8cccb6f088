/** Who may call, and who exists: the gate, the files behind it, and the directory. */
import { followFile, type FollowedFile } from "./adapters/system/followed-file.ts";
import { createDirectories, type Directories } from "./approvals/directory/directories.ts";
import { createPolledSource } from "./approvals/directory/polled.ts";
import { directoryFailures } from "./approvals/directory/metrics.ts";
import type { DirectoryDocument, DirectoryTx } from "./approvals/directory/records.ts";
import type { DirectoryContent, DirectoryDocuments, DirectorySource } from "./approvals/directory/source.ts";
import type { DirectorySettings } from "./config/directory.ts";
import type { Config } from "./config/config.ts";
import type { Log } from "./kernel/log.ts";
import type { LoopSpec } from "./kernel/loop.ts";
import type { Measures, Meter } from "./kernel/meter.ts";
import { workload } from "./kernel/claims.ts";
import type { Clock, Pingable, Store } from "./kernel/ports.ts";
import { directoryReader } from "./open-directory.ts";
import { openProviders } from "./open-providers.ts";
import { identityFailures, tokenFileFailures } from "./rpc/platform/access-metrics.ts";
import { createAuthGate, createProviderGate, type Gate } from "./rpc/platform/auth.ts";
import { parseTokenFile, type TokenTable } from "./rpc/platform/tokens.ts";

export interface PeopleOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
}

export interface Access {
  readonly gate: Gate;
  /** Where it says who exists: undefined in open mode, and beside identity providers. */
  readonly tokens: FollowedFile<TokenTable> | undefined;
  readonly loops: readonly LoopSpec[];
  readonly measures: Measures;
  /** Undefined where there are none. */
  readonly providers: Pingable | undefined;
}

/** A change is in force after two looks. */
const tokensEveryMs = 500;
/** A provider is not asked each time: `adapters/oidc/provider.ts`. */
const providersEveryMs = 5_000;

/** Opens the gate. Rejects when the token file cannot be used; an identity provider that is away is asked again later. */
export async function openAccess({ auth }: Pick<Config, "auth">, options: PeopleOptions): Promise<Access> {
  const measures = { metrics: [tokenFileFailures, identityFailures] };
  if (auth.kind === "open") return { gate: createAuthGate({ mode: "open" }), tokens: undefined, loops: [], measures, providers: undefined };
  const tokens = auth.tokens === undefined ? undefined : await followTokens(auth.tokens, options);
  const table: Pick<TokenTable, "find"> = { find: (token) => tokens?.current()?.value.find(token) };
  const workloads = new Map(auth.workloads.map((mapping) => [mapping.trustDomain, mapping]));
  const workloadOf = (spiffeId: string) => {
    const mapping = workloads.get(new URL(spiffeId).host);
    return mapping && workload(spiffeId, mapping);
  };
  const atOnce = createAuthGate({ mode: "tokens", tokens: table, workload: workloadOf });
  const loops = tokens ? [loopOf("tokens", tokensEveryMs, () => tokens.look())] : [];
  if (auth.issuers.length === 0) return { gate: atOnce, tokens, loops, measures, providers: undefined };
  const providers = await openProviders(auth.issuers, options);
  return {
    gate: createProviderGate(providers.identify, atOnce),
    // Of those whom a provider knows nobody has a list here.
    tokens: undefined,
    loops: [...loops, loopOf("identity", providersEveryMs, providers.round)],
    measures,
    providers,
  };
}

function loopOf(name: string, everyMs: number, look: () => Promise<void>): LoopSpec {
  return { name, everyMs, round: () => look().then(() => false) };
}

function followTokens(path: string, { clock, log, meter }: PeopleOptions): Promise<FollowedFile<TokenTable>> {
  const onFailure = (): void => meter.count(tokenFileFailures, {});
  return followFile({ name: "tokens", path, parse: parseTokenFile, clock, log, onFailure, isRequired: true });
}

/** The directory: that of the configuration, else the holders of tokens, else none. A file was looked at once when this resolves. */
export async function openDirectories(
  { directory }: Pick<Config, "directory">,
  { tokens, store, ...options }: PeopleOptions & Pick<Access, "tokens"> & { readonly store: Store<DirectoryTx> },
): Promise<Directories> {
  const source = directory ? await sourceFor(directory, options) : tokens && tokenSource(tokens);
  const directories = createDirectories({ ...options, store, source });
  // A store that is away is asked again by the loop.
  await directories.round().catch(() => undefined);
  return directories;
}

async function sourceFor(directory: DirectorySettings, options: PeopleOptions): Promise<DirectorySource> {
  if (directory.kind === "file") return fileSource(directory.file, options);
  const read = await directoryReader(directory);
  const onFailure = (): void => options.meter.count(directoryFailures, {});
  return createPolledSource({ ...options, place: directory.kind === "http" ? new URL(directory.url).host : directory.issuer, read, onFailure });
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
