import type { Config } from "./config/config.ts";

/** The start banner: listening address, location of the state, next commands. No secrets. */
export function banner(config: Config, address: { readonly host: string; readonly port: number }, readyMs: number): string {
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  const at = `${host}:${address.port}`;
  const http = config.tls ? "https" : "http";
  const plain = config.tls ? "" : "-plaintext ";
  const lines: readonly (readonly [string, string])[] = [
    ["Listening", `${at}  (gRPC, Connect, gRPC-Web and HTTP on one port${config.tls ? ", TLS" : ""})`],
    ["Store", config.store.kind === "sqlite" ? config.store.path : `mysql ${new URL(config.store.url).host}`],
    ["Catalog", config.catalog.kind === "embedded" ? "embedded" : `consul ${new URL(config.catalog.url).host}`],
    ["Schemas", config.schemas.kind === "embedded" ? "embedded" : `apicurio ${new URL(config.schemas.url).host}`],
    ["Events", config.events.kind === "embedded" ? "embedded" : `kafka ${config.events.brokers.join(",")}`],
    ["Auth", config.auth.kind === "open" ? "open: anybody on this machine may do anything" : `tokens in ${config.auth.file}`],
  ];
  const width = Math.max(...lines.map(([label]) => label.length));
  return [
    "",
    `  MUSTER  ready in ${Math.round(readyMs)} ms`,
    ...lines.map(([label, text]) => `  ${label.padEnd(width)}  ${text}`),
    "",
    "  Try:",
    `    grpcurl ${plain}${at} list`,
    `    curl ${http}://${at}/health`,
    "    examples/python/module.py, a module that registers itself: see README.md",
    "",
    "",
  ].join("\n");
}
