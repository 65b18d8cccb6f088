/**
 * Maps mysql2's errors. They are distinguished by the server's error number and the driver's codes, never by their
 * text. The driver's error objects contain the SQL with its values, so none of them is passed on, not even as a cause.
 */
import { DomainError, refused, unavailable } from "../../kernel/errors.ts";

const DUPLICATE_KEY = 1062;

/** Deadlock, lock wait timeout, record changed since it was read: the same transaction may succeed when rerun. */
const transient: ReadonlySet<number> = new Set([1213, 1205, 1020]);

/** The server answers but cannot serve now. */
const unavailableNow: ReadonlyMap<number, string> = new Map([
  [1021, "its disk is full"],
  [1040, "it has too many connections"],
  [1053, "it is shutting down"],
  [1114, "a table is full"],
  [1135, "it cannot make a thread"],
  [1203, "the user has too many connections"],
  [1226, "the user has used up its quota"],
  [1290, "it is read-only"],
  [1317, "the statement was interrupted"],
  [1792, "it is read-only"],
  [1836, "it is read-only"],
  [1927, "the connection was killed"],
  [3024, "the statement took too long"],
  [3032, "it is offline"],
  [3169, "the connection was killed"],
  [4031, "the connection was idle for too long"],
]);

/** Permanent errors: the server answers the same until something is changed. */
const refusedForGood: ReadonlyMap<number, string> = new Map([
  [1044, "the user may not use this database"],
  [1045, "the user name or password is wrong"],
  [1049, "the database does not exist: create it first"],
  [1142, "the user lacks a privilege on a table"],
  [1251, "the server's way of authentication is not supported"],
  [1273, "it is older than MySQL 8.0.17"],
  [1698, "the user name or password is wrong"],
  [3159, "it accepts only TLS: add ssl=true"],
]);

/** The error of waiting for a connection when none became free, or could be opened, in time. */
export class NoFreeConnection extends Error {}

/** The server's error number; undefined when the error did not come from the server. */
function serverNumber(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errno" in error) || !("sqlState" in error)) return undefined;
  return typeof error.errno === "number" ? error.errno : undefined;
}

/** The driver's or the system's code of a failed connection or a statement timeout. */
function connectionCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  if ("fatal" in error && error.fatal === true) return code ?? "CONNECTION_LOST";
  return "syscall" in error ? code : undefined;
}

export function isMysqlDuplicate(error: unknown): boolean {
  return serverNumber(error) === DUPLICATE_KEY;
}

/** Includes duplicates: the rerun sees a row that a concurrent transaction inserted first. */
export function isMysqlTransient(error: unknown): boolean {
  const number = serverNumber(error);
  return number !== undefined && (number === DUPLICATE_KEY || transient.has(number));
}

/** True when the connection must not be reused: its state is unknown, or its server should not be used. */
export function breaksConnection(error: unknown): boolean {
  const number = serverNumber(error);
  return number === undefined || unavailableNow.has(number);
}

/** The DomainError for an error of mysql2; undefined for any other error. */
export function translateMysql(error: unknown): DomainError | undefined {
  if (error instanceof NoFreeConnection) return unavailable("store", "no connection became free or was opened in time");
  const number = serverNumber(error);
  const connection = connectionCode(error);
  if (number === undefined) return connection === undefined ? undefined : connectionProblem(connection);
  if (number === DUPLICATE_KEY) {
    return new DomainError({
      kind: "conflict",
      reason: "DEPENDENCY_REFUSED",
      message: "store refused: a record with the same key exists",
      metadata: { dependency: "store" },
    });
  }
  if (transient.has(number)) return unavailable("store", `it aborted a transaction that conflicted with others (MySQL error ${number})`);
  const now = unavailableNow.get(number);
  if (now !== undefined) return unavailable("store", `${now} (MySQL error ${number})`);
  const forGood = refusedForGood.get(number);
  if (forGood !== undefined) return refused("store", `${forGood} (MySQL error ${number})`);
  if (connection !== undefined) return unavailable("store", `connection failed (MySQL error ${number})`);
  return new DomainError({ kind: "internal", reason: "INTERNAL", message: `store failed with MySQL error ${number}` });
}

function connectionProblem(code: string): DomainError {
  if (code === "HANDSHAKE_NO_SSL_SUPPORT") return refused("store", "it does not offer TLS");
  if (code === "HANDSHAKE_SSL_ERROR") return refused("store", "TLS failed");
  return unavailable("store", `connection failed (${code})`);
}
