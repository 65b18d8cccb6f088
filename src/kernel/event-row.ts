/** A domain's table of events: topics, the codec, the framing and the AsyncAPI document derive from its rows. */
import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import type { EventPayload } from "./records.ts";

/** One event, as it is published. */
export interface EventRow<P extends EventPayload = EventPayload, D extends DescMessage = DescMessage> {
  readonly type: P["type"];
  /** Its default topic. */
  readonly topic: string;
  /** The protobuf message on the wire; its full name is the `ce_type`. */
  readonly schema: D;
  /** One sentence for the AsyncAPI document. */
  readonly summary: string;
  /** The message's fields, for a payload committed at `at` (epoch milliseconds). */
  message(payload: P, at: number): MessageInitShape<D>;
}
