/** The systems outside that decide: their file, and whether those answer that are read. */
import type { Config } from "../../config/config.ts";
import { isPolled, type PolledSource } from "../../inbound/poll.ts";
import { pollUrl, readPage, shownUrl } from "../../inbound/poll-page.ts";
import { DomainError } from "../../kernel/errors.ts";
import { sourceClient, sourcesParser } from "../../open-inbound.ts";
import { checkOf, type Check, type Teller } from "./finding.ts";
import { contentOf, othersMayRead } from "./files.ts";

export function checkInbound(config: Pick<Config, "listen">, file: string): Check {
  return checkOf(
    "inbound",
    async (tell, signal) => {
      const text = contentOf(tell, "MUSTER_INBOUND", file);
      if (text === undefined) return;
      const sources = (await sourcesParser(config))(text);
      tell.ok(`${sources.length} ${sources.length === 1 ? "source" : "sources"} in ${file}`);
      othersMayRead(tell, file);
      await Promise.all(sources.filter(isPolled).map((source) => lookAt(tell, source, signal)));
    },
    (error) => [
      error instanceof DomainError ? error.message : `${file} cannot be used`,
      "docs/inbound.md describes the file. A server that runs goes on with what it read before.",
    ],
  );
}

/** Asks for the first page, and takes nothing of it. */
async function lookAt(tell: Teller, { name, poll }: PolledSource, signal: AbortSignal): Promise<void> {
  const about = `${name}: ${shownUrl(poll)}`;
  const answer = await sourceClient().get(pollUrl(poll, undefined), poll.headers, signal);
  const bad = (why: string): void => tell.bad(`${about}: ${why}`, "The server starts all the same, and asks again later and later.");
  if (answer.is !== "answered") return bad(answer.error);
  if (answer.status !== 200) return bad(`HTTP ${answer.status}`);
  const page = readPage(poll, answer.body);
  if ("violation" in page) return bad(page.violation);
  return tell.ok(`${about} answers, ${page.items.length} ${page.items.length === 1 ? "event" : "events"}`);
}
