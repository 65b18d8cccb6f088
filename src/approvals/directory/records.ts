/** The directory as it is kept: who exists, by tenant, in versions that all replicas agree on. */
import type { Member } from "../types.ts";

/** What a source says of one tenant. */
export interface DirectoryDocument {
  /** In the order of their keys. */
  readonly members: readonly Member[];
  /** The longest time for which somebody may have a stand-in, in milliseconds. */
  readonly standInMaxMs?: number;
}

export interface DirectoryVersion {
  readonly tenant: string;
  /** 1, 2, 3 … in each tenant. */
  readonly version: number;
  /** SHA-256 of the document, hex. */
  readonly hash: string;
  readonly document: DirectoryDocument;
}

/** A version without its document. */
export interface DirectoryHead {
  readonly tenant: string;
  readonly version: number;
  readonly hash: string;
  /** By the database's clock. */
  readonly readAt: number;
}

export interface DirectoryRepository {
  /** The newest version of each tenant. */
  heads(): Promise<readonly DirectoryHead[]>;
  find(tenant: string, version: number): Promise<DirectoryVersion | undefined>;
  /** True when a version that is kept has this content. */
  has(tenant: string, hash: string): Promise<boolean>;
  /** False when there is such a version already. The last 20 versions of a tenant are kept. */
  insert(version: DirectoryVersion): Promise<boolean>;
}

/** What the directory needs in a transaction. */
export interface DirectoryTx {
  readonly directories: DirectoryRepository;
}
