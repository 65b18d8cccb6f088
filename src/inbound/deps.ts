/** What the use cases of events from outside stand on. */
import type { Log } from "../kernel/log.ts";
import type { Clock, Ids } from "../kernel/ports.ts";
import type { InboundMeter } from "./metrics.ts";
import type { AskSns, CastVote } from "./ports.ts";
import type { InboundStore } from "./records.ts";
import type { FindCertificate } from "./sns-certificates.ts";
import type { Source } from "./types.ts";

export interface InboundDeps {
  readonly store: InboundStore;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly meter: InboundMeter;
  /** As they are configured at the moment; the same list as long as nothing changes. */
  readonly sources: () => readonly Source[];
  readonly cast: CastVote;
  readonly askSns: AskSns;
  readonly certificates: FindCertificate;
}
