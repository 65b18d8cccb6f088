/** Where the directory comes from. */
import type { DirectoryDocument } from "./records.ts";

export type DirectoryDocuments = ReadonlyMap<string, DirectoryDocument>;

export interface DirectoryContent {
  /** By tenant. */
  readonly documents: DirectoryDocuments;
  /** Epoch milliseconds: since when it is known to be what the source has. */
  readonly asOf: number;
}

export interface DirectorySource {
  /** Looks whether there is something new. Does not reject. */
  look(): Promise<void>;
  /** The last good content, the same object as long as nothing changed; undefined while there was none. */
  current(): DirectoryContent | undefined;
}
