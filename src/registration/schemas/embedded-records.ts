/** What the store keeps for the embedded adapters. */

/** What the embedded schema registry keeps. */
export interface RegistryVersionRepository {
  find(artifactId: string, version: string): Promise<{ readonly content: string; readonly enabled: boolean; readonly label: string } | undefined>;
  list(artifactId: string): Promise<readonly { readonly version: string; readonly enabled: boolean }[]>;
  insert(row: { artifactId: string; version: string; kind: string; content: string; label: string; at: number }): Promise<void>;
  setEnabled(artifactId: string, version: string, enabled: boolean): Promise<void>;
}

/** What the embedded event sink keeps. */
export interface EventLogRepository {
  append(record: { id: string; topic: string; key: string; type: string; contentType: string; at: number; data: Uint8Array }): Promise<void>;
  /** Records with a position above `after`, in order. */
  read(
    after: number,
    limit: number,
  ): Promise<
    readonly {
      readonly position: number;
      readonly id: string;
      readonly topic: string;
      readonly key: string;
      readonly type: string;
      readonly data: Uint8Array;
    }[]
  >;
}
