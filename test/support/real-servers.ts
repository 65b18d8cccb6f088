/** The real servers, from the variables that `test/stack/stack up` prints. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
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

/**
 * Declares a suite that needs the real servers; says why on a line of its own when they are not there, fails with REQUIRE_REAL=1.
 * Where one of `commands` is not on the machine, the suite is left out in any case, and the line says which.
 */
export function describeReal(name: string, suite: (servers: RealServers) => void, commands: readonly string[] = []): void {
  const servers = realServers;
  if (servers) {
    describeWith(commands, name, () => suite(servers));
    return;
  }
  const missing = names.filter((variable) => !process.env[variable]).join(", ");
  if (missing !== "" && process.env["REQUIRE_REAL"] === "1") throw new Error(`${name} needs the real servers, but these are not set: ${missing}`);
  leaveOut(name, `needs the real servers (not set: ${missing}); bring them up with: eval "$(test/stack/stack up)"`);
}

/** Declares a suite that needs the stack's Keycloak; it is left out, and a line says so, where `stack up` was not told to start it. */
export function describeKeycloak(name: string, suite: () => void): void {
  if (process.env["STACK_KEYCLOAK_URL"]) return void describe(name, suite);
  if (process.env["STACK_KEYCLOAK"] === "1") throw new Error(`${name} needs Keycloak, but STACK_KEYCLOAK_URL is not set`);
  leaveOut(name, 'needs Keycloak (not set: STACK_KEYCLOAK_URL); bring it up with: eval "$(STACK_KEYCLOAK=1 test/stack/stack up)"');
}

/** Declares a suite that needs these commands; where one is not on the machine, the suite is left out, and a line says which. */
export function describeWith(commands: readonly string[], name: string, suite: () => void): void {
  const lacking = missingCommands(commands).join(", ");
  if (lacking === "") describe(name, suite);
  else leaveOut(name, `needs ${lacking}`);
}

function leaveOut(name: string, why: string): void {
  process.stdout.write(`not run: ${name}: ${why}\n`);
  describe.skip(name, () => undefined);
}

/** The commands of `needed` that this machine lacks. */
function missingCommands(needed: readonly string[]): readonly string[] {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return needed.filter((command) => !folders.some((folder) => existsSync(join(folder, command))));
}
