/** What the embedded schema registry keeps. */
export interface RegistryVersionRepository {
  find(artifactId: string, version: string): Promise<{ readonly content: string; readonly enabled: boolean; readonly label: string } | undefined>;
  list(artifactId: string): Promise<readonly { readonly version: string; readonly enabled: boolean }[]>;
  insert(row: { artifactId: string; version: string; kind: string; content: string; label: string; at: number }): Promise<void>;
  setEnabled(artifactId: string, version: string, enabled: boolean): Promise<void>;
}
