/** What the contract needs to know of a database. */
import type { MusterStore } from "../../../src/store/parts.ts";
import { expect } from "vitest";
import { DomainError } from "../../../src/kernel/errors.ts";
import type { TcpProxy } from "../../support/tcp-proxy.ts";

export interface StoreBackend {
  /** A store on a fresh, empty database of its own. */
  open(): Promise<OpenStore>;
  /** Opens a store on a database that has a migration nobody knows yet. */
  openNewer(): Promise<MusterStore>;
  /** Opens two stores at once on one fresh database. Absent where one process owns the database. */
  openTwice?(): Promise<AsyncDisposable & { readonly stores: readonly MusterStore[] }>;
  /** Opens a store on a server that is not there. Absent where there is no server. */
  openNowhere?(): Promise<MusterStore>;
}

export interface OpenStore extends AsyncDisposable {
  readonly store: MusterStore;
  /** Another store on the same database, as a second replica has it. Absent where one process owns the database. */
  another?(): Promise<MusterStore>;
  /** How a second process fares that opens the same database. Absent where replicas share it. */
  openInAnotherProcess?(): Promise<{ readonly kind: string; readonly message: string }>;
  /** Makes the server end every session of this database. Absent where there is no server. */
  killSessions?(): Promise<void>;
  /** The network between store and server. Absent where there is none. */
  readonly network?: Pick<TcpProxy, "cut" | "freeze" | "restore">;
  /** Most transactions at once; further ones wait. Absent where it is one. */
  readonly connections?: number;
}

/** The DomainError a promise rejects with; fails when it resolves or rejects with anything else. */
export async function refusalOf(work: Promise<unknown>): Promise<DomainError> {
  const outcome = await work.then(
    () => "resolved",
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(DomainError);
  return outcome as DomainError;
}

/** A promise to be settled by hand, for tests in which one transaction waits for another. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}
