import { UsageError } from "./command.ts";

/** Parses `host:port` or `[v6]:port`; only the form is checked, the server has the rules. Throws UsageError naming `what`. */
export function hostPort(what: string, text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,9})$/.exec(text);
  if (!match) throw new UsageError([`${what}: "${text}" must be host:port, such as 10.0.0.7:9000 or [::1]:9000`]);
  return { host: match[1] ?? match[2] ?? "", port: Number(match[3]) };
}
