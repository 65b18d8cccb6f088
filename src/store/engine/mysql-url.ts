/** Parses `mysql://user:password@host:port/database?ssl=…`. */
import { DomainError } from "../../kernel/errors.ts";

export interface MysqlTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** `verify`: TLS, certificate and host name checked. `insecure`: TLS, nothing checked. `off`: no TLS. */
  readonly tls: "verify" | "insecure" | "off";
}

const tlsModes: ReadonlyMap<string, MysqlTarget["tls"]> = new Map([
  ["true", "verify"],
  ["verify", "verify"],
  ["insecure", "insecure"],
  ["false", "off"],
]);

/** Throws, with kind `invalid` and without showing the URL, unless it is a complete MySQL URL. */
export function parseMysqlUrl(text: string): MysqlTarget {
  if (!URL.canParse(text)) throw invalid("is not a URL");
  const url = new URL(text);
  if (url.protocol !== "mysql:") throw invalid("must begin with mysql://");
  if (url.hostname === "") throw invalid("must name a host");
  const database = decoded(url.pathname.slice(1));
  if (database === "" || database.includes("/")) throw invalid("must name one database: mysql://host/database");
  const unknown = [...url.searchParams.keys()].find((name) => name !== "ssl");
  if (unknown !== undefined) throw invalid("may have no parameter other than ssl");
  const tls = tlsModes.get(url.searchParams.get("ssl") ?? "false");
  if (tls === undefined) throw invalid("must have ssl=true, ssl=verify, ssl=insecure or ssl=false");
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? 3306 : Number(url.port),
    user: decoded(url.username),
    password: decoded(url.password),
    database,
    tls,
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw invalid("has a % that does not begin an escape: write %25");
  }
}

function invalid(description: string): DomainError {
  return new DomainError({
    kind: "invalid",
    reason: "INVALID_FIELDS",
    message: `the MySQL URL ${description}`,
    fields: [{ field: "store", description }],
  });
}
