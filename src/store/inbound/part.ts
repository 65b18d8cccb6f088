import type { InboundTx } from "../../inbound/records.ts";
import type { CoreTx } from "../../kernel/records.ts";
import { sessionOn } from "../engine/dialect.ts";
import type { StorePart } from "../engine/part.ts";
import { inboundRepository } from "./events.ts";
import { inbound } from "./migrations/0028-inbound.ts";
import type { InboundTables } from "./tables.ts";

/** What is kept of events from outside. */
export const inboundPart: StorePart<Omit<InboundTx, keyof CoreTx>> = {
  migrations: [inbound],
  repositories: (session) => ({ inbound: inboundRepository(sessionOn<InboundTables>(session)) }),
};
