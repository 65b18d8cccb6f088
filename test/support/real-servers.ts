/** The real servers, from the variables that `test/stack/stack up` prints. */
import { describe } from "vitest";

export interface RealServers {
  /** `mysql://user:password@host:port/database` */
  readonly mysql: string;
  /** `http://host:port` */
  readonly consul: string;
  /** `http://host:port/apis/registry/v3` */
  readonly apicurio: string;
  /** `host:port` */
  readonly kafka: string;
  /** A Kafka listener that advertises another port than it listens on, for a proxy between the two. */
  readonly kafkaProxied: { readonly advertised: number; readonly listening: number };
  /** Directory with grpcurl, kcat and a python that has grpcio. */
  readonly bin: string;
}

const names = ["MUSTER_STORE", "MUSTER_CATALOG", "MUSTER_SCHEMAS", "MUSTER_EVENTS", "STACK_KAFKA_PROXIED", "STACK_BIN"] as const;

function find(): RealServers | undefined {
  const [mysql, catalog, schemas, events, proxied, bin] = names.map((name) => process.env[name]);
  if (!mysql || !catalog || !schemas || !events || !proxied || !bin) return undefined;
  const [advertised, listening] = proxied.split(":").map(Number);
  return {
    mysql,
    consul: catalog.replace(/^consul\+/, ""),
    apicurio: schemas.replace(/^apicurio\+/, ""),
    kafka: events.replace(/^kafka:\/\//, ""),
    kafkaProxied: { advertised: advertised ?? 0, listening: listening ?? 0 },
    bin,
  };
}

/** The servers, or undefined when the variables are not all set. */
export const realServers: RealServers | undefined = find();

/** Declares a suite that needs the real servers; says why on a line of its own when they are not there, fails with REQUIRE_REAL=1. */
export function describeReal(name: string, suite: (servers: RealServers) => void): void {
  if (realServers) {
    const servers = realServers;
    describe(name, () => suite(servers));
    return;
  }
  const missing = names.filter((variable) => !process.env[variable]).join(", ");
  if (process.env["REQUIRE_REAL"] === "1") throw new Error(`${name} needs the real servers, but these are not set: ${missing}`);
  process.stdout.write(`not run: ${name}: needs the real servers (not set: ${missing}); bring them up with: eval "$(test/stack/stack up)"\n`);
  describe.skip(name, () => undefined);
}
