/** What the store keeps of schema versions. Times are epoch milliseconds. */

export type SchemaState = "PENDING" | "ENABLED" | "RELEASING" | "DISABLED";

/** What a version means for values that are valid by an earlier one; `schema-diff` gives it. */
export type SchemaVerdict = "NONE" | "COMPATIBLE" | "BREAKING" | "UNKNOWN";

/** One change of a schema, in texts of bounded length. */
export interface SchemaChange {
  /** JSON pointer. */
  readonly pointer: string;
  readonly keyword: string;
  readonly kind: SchemaVerdict;
  readonly message: string;
  /** The keyword's value as JSON, perhaps cut; absent where there is none. */
  readonly before?: string;
  readonly after?: string;
}

/** What a comparison of two schemas has come to. */
export interface BoundedComparison {
  readonly verdict: SchemaVerdict;
  /** Those that decide come first. */
  readonly changes: readonly SchemaChange[];
  /** How many further changes there are. */
  readonly omitted: number;
}

/**
 * Compares two schema texts that were accepted before, for a caller with this share of the comparisons. Bounded in time: UNKNOWN when that time does not suffice. Rejects with
 * `exhausted` when too many of this share wait, or with the signal's reason.
 */
export type SchemaCompare = (former: string, next: string, share: string, signal: AbortSignal) => Promise<BoundedComparison>;

/** How a version differs from the one before it (`version-order.ts`) at the time when it was made. */
export interface StoredComparison extends BoundedComparison {
  readonly against: string;
}

/** One version of one artifact as our record knows it. */
export interface SchemaVersion {
  readonly artifactId: string;
  readonly version: string;
  readonly name: string;
  readonly content: string;
  readonly sha256: string;
  readonly synthesised: boolean;
  readonly kind: "JSON" | "OPENAPI";
  readonly state: SchemaState;
  /** Undefined for the first version, and for OpenAPI documents. */
  readonly comparison: StoredComparison | undefined;
  readonly createdAt: number;
}

/** A version as lists have it. */
export type SchemaSummary = Omit<SchemaVersion, "content" | "comparison"> & {
  readonly comparison: Pick<StoredComparison, "against" | "verdict"> | undefined;
};

export interface SchemaRepository {
  /** Locks the row until the transaction ends. */
  lock(artifactId: string, version: string): Promise<SchemaVersion | undefined>;
  find(artifactId: string, version: string): Promise<SchemaVersion | undefined>;
  /** Versions in any state, the newest first. */
  list(artifactId: string, limit: number): Promise<readonly SchemaSummary[]>;
  /** All ENABLED versions, the newest first. */
  enabled(artifactId: string): Promise<readonly string[]>;
  insert(version: SchemaVersion): Promise<void>;
  setState(artifactId: string, version: string, state: SchemaState): Promise<void>;
  /** With the last version the artifact is nobody's again. */
  delete(artifactId: string, version: string): Promise<void>;
}

/** Whose artifacts are: of a name, in all its spellings, and so of who owns that. */
export interface ArtifactRepository {
  /** The name it belongs to; undefined when it is nobody's. */
  holder(artifactId: string): Promise<string | undefined>;
  /** Makes it belong to `name` unless it is somebody's, and locks that until the transaction ends; resolves to the name it belongs to. */
  claim(artifactId: string, name: string, at: number): Promise<string>;
  /** The caller has claimed it in this transaction. It is shared with nobody then. */
  give(artifactId: string, name: string): Promise<void>;
  /** Whether instances of `name` may publish in it, too. */
  isShared(artifactId: string, name: string): Promise<boolean>;
  /** False when it is so already. */
  share(artifactId: string, name: string): Promise<boolean>;
  /** False when it was not shared. */
  unshare(artifactId: string, name: string): Promise<boolean>;
  /** Nothing of others is shared with the name any more, and nothing that belongs to it with others. */
  unshareAll(name: string): Promise<void>;
  /** The first `most` artifacts of each of the names, by id. */
  ofNames(names: readonly string[], most: number): Promise<readonly { readonly artifactId: string; readonly nameKey: string }[]>;
}
