/** Why a server did not start, in the words of `muster doctor`: what is wrong, which variable says so, what to do. */
import type { Config } from "../../config/config.ts";
import { DomainError } from "../../kernel/errors.ts";
import { printable } from "../../kernel/log.ts";
import { worded } from "../frame/called-as.ts";
import { styleFor } from "../frame/style.ts";
import type { Terminal } from "../frame/terminal.ts";
import { findingText, type Finding } from "./finding.ts";
import { startChecks } from "./start-checks.ts";

/** The error alone is reported when looking takes longer. */
const lookMs = 5_000;

/** Text for stderr: the error's own line, then what the checks of a start find wrong now. Does not reject. */
export async function startFailure(
  config: Config,
  error: unknown,
  { clock, colour, program }: Pick<Terminal, "clock" | "colour" | "program">,
): Promise<string> {
  const signal = AbortSignal.timeout(lookMs);
  const looks = startChecks(config, { now: () => clock.now(), signal }).map((check) => check(signal).catch((): readonly Finding[] => []));
  const bad = (await Promise.all(looks)).flat().filter(({ state }) => state === "bad");
  const own = ownFinding(config, error);
  const findings = own === undefined || bad.some(({ area }) => area === own.area) ? bad : [...bad, own];
  const style = styleFor(colour.err);
  const head = `muster: ${printable(error instanceof Error ? error.message : String(error))}\n`;
  return head + worded(findings.map((finding) => findingText(finding, style)).join(""), program);
}

/** What the error itself says; for what the checks see as well: a Muster that runs already, a directory that cannot be made. */
function ownFinding({ listen, store }: Config, error: unknown): Finding | undefined {
  if (error instanceof DomainError && error.metadata["dependency"] === "store") {
    const todo =
      store.kind === "sqlite"
        ? "MUSTER_STORE=sqlite:PATH must name a file that this user may make and that no other process uses."
        : "MUSTER_STORE must name a database that answers.";
    return { area: "store", state: "bad", text: error.message, todo };
  }
  const isTaken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
  if (!isTaken) return undefined;
  const text = `${listen.host}:${listen.port} is in use by a running Muster`;
  return { area: "listen", state: "bad", text, todo: "Use that one, or give another one its own MUSTER_LISTEN and MUSTER_STORE." };
}
