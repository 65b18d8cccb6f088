import type { Config } from "./config/config.ts";
import { printable } from "./kernel/log.ts";

export interface BannerFacts {
  readonly address: { readonly host: string; readonly port: number };
  readonly readyMs: number;
  /** Of `store`, `catalog`, `schemas` and `events`. */
  readonly silent: readonly string[];
  /** How the server was called. */
  readonly program: string;
}

/** What a person sees when the server is up: where it listens, where its state is, what to type next. No secrets. `silent`: dependencies that do not answer. */
export function banner(config: Config, { address, readyMs, silent, program }: BannerFacts): string {
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  const at = `${host}:${address.port}`;
  const http = config.tls ? "https" : "http";
  const plain = config.tls ? "" : "-plaintext ";
  const state = (name: string): string => (silent.includes(name) ? `  DOWN: it does not answer; ${program} doctor says more` : "");
  const lines: readonly (readonly [string, string])[] = [
    ["Listening", `${at}  (gRPC, Connect, gRPC-Web and HTTP on one port${config.tls ? ", TLS" : ""})`],
    ["Store", config.store.kind === "sqlite" ? config.store.path : `mysql ${new URL(config.store.url).host}${state("store")}`],
    ["Catalog", config.catalog.kind === "embedded" ? "embedded" : `consul ${new URL(config.catalog.url).host}${state("catalog")}`],
    ["Schemas", config.schemas.kind === "embedded" ? "embedded" : `apicurio ${new URL(config.schemas.url).host}${state("schemas")}`],
    ["Events", config.events.kind === "embedded" ? "embedded" : `kafka ${config.events.brokers.join(",")}${state("events")}`],
    ["Auth", `${authText(config.auth)}${state("identity")}`],
  ];
  const width = Math.max(...lines.map(([label]) => label.length));
  return [
    "",
    `  MUSTER  ready in ${Math.round(readyMs)} ms`,
    ...lines.map(([label, text]) => `  ${label.padEnd(width)}  ${printable(text)}`),
    "",
    "  Try:",
    `    grpcurl ${plain}${at} list`,
    `    curl ${http}://${at}/health`,
    `    ${program} --help`,
    "    examples/python/module.py, a module that registers itself: README.md tells how",
    "",
    "",
  ].join("\n");
}

function authText(auth: Config["auth"]): string {
  if (auth.kind === "open") return "open: anybody on this machine may do anything, under any name";
  const issuers = auth.issuers.map(({ issuer }) => `tokens of ${issuer}`);
  const workloads = auth.workloads.map(({ trustDomain }) => `certificates of ${trustDomain}`);
  return [...(auth.tokens === undefined ? [] : [`tokens in ${auth.tokens}`]), ...issuers, ...workloads].join(", ");
}
