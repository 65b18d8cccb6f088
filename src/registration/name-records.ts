/** What the store keeps of names and of who owns them. A name is one in all its spellings. */

export interface NameRow {
  /** As it was spelled first. */
  readonly name: string;
  /** Key of the principal. */
  readonly owner: string;
  /** Nobody owns it: a Register of `owner` was begun, and none has completed. */
  readonly isReserved: boolean;
}

export interface NameRepository {
  find(name: string): Promise<NameRow | undefined>;
  /** Finds it and locks its row until the transaction ends. */
  lock(name: string): Promise<NameRow | undefined>;
  /** Reserves the name for `owner` unless it has a row; resolves to the row, which cannot change hands until the transaction ends. */
  reserve(name: string, owner: string): Promise<NameRow>;
  /** Gives the name to `owner`. The caller has locked its row. */
  set(name: string, owner: Omit<NameRow, "name">): Promise<void>;
  /** The row of the name is spelled so from now on. */
  respell(name: string): Promise<void>;
  /** The name is free again. The caller has locked its row. */
  delete(name: string): Promise<void>;
  /** Whether an attempt is under way under the name, or an instance of it waits for an approval. */
  isUnderWay(name: string): Promise<boolean>;
  /** Whether anything is ACTIVE under the name. */
  isRegistered(name: string): Promise<boolean>;
  /** Names after `after`, in the order of their first spellings; those that are reserved only while that is so. */
  list(query: NameQuery): Promise<readonly NameRow[]>;
  /** Up to `limit` names that are reserved although nothing is under way. */
  reservedInVain(limit: number): Promise<readonly NameRow[]>;
  /** Who was the owner of this very spelling before its name had a key, when another spelling has it. */
  ownerOfSpelling(name: string): Promise<string | undefined>;
  /** Up to `limit` spellings of names without a key: another one had it first, or an older program made them. */
  withoutKey(limit: number): Promise<readonly NameRow[]>;
  /** Gives the key to this spelling, of which there is a row, unless another one has it; resolves to the row that has it. */
  giveKey(name: string): Promise<NameRow>;
}

export interface NameQuery {
  /** Empty for the first page. */
  readonly after: string;
  readonly limit: number;
  readonly owner?: string;
  /** In any spelling. */
  readonly name?: string;
}
