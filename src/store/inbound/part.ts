import type { InboundTx } from "../../inbound/records.ts";
import type { CoreTx } from "../../kernel/records.ts";
import { sessionOn } from "../engine/dialect.ts";
import type { StorePart } from "../engine/part.ts";
import { inboundRepository } from "./events.ts";
import { inbound } from "./migrations/0028-inbound.ts";
import { inboundPolls } from "./migrations/0029-inbound-polls.ts";
import { pollRepository } from "./polls.ts";
import type { InboundTables } from "./tables.ts";

/** What is kept of events from outside, and of the sources that are read. */
export const inboundPart: StorePart<Omit<InboundTx, keyof CoreTx>> = {
  migrations: [inbound, inboundPolls],
  repositories(whole) {
    const session = sessionOn<InboundTables>(whole);
    return { inbound: inboundRepository(session), inboundPolls: pollRepository(session) };
  },
};
