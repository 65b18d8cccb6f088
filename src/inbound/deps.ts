/** What the use cases of events from outside stand on. */
import type { Log } from "../kernel/log.ts";
import type { Ids } from "../kernel/ports.ts";
import type { InboundMeter } from "./metrics.ts";
import type { CastVote } from "./ports.ts";
import type { InboundStore } from "./records.ts";
import type { Source } from "./types.ts";

export interface InboundDeps {
  readonly store: InboundStore;
  readonly ids: Ids;
  readonly log: Log;
  readonly meter: InboundMeter;
  readonly sources: readonly Source[];
  readonly cast: CastVote;
}
