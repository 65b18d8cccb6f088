/** Events from outside. */
import { parseDuration } from "./values.ts";

export const inboundVariables = {
  MUSTER_INBOUND: { fallback: "", secret: false },
  MUSTER_INBOUND_RETENTION: { fallback: "30d", secret: false },
} as const;

export interface InboundSettings {
  readonly inbound: {
    /** The file of sources; undefined where there are none. */
    readonly file: string | undefined;
    /** For how long an event is known. */
    readonly retentionMs: number;
  };
}

export function parseInbound(get: (name: keyof typeof inboundVariables) => string, problems: string[]): InboundSettings {
  const retentionMs = parseDuration("MUSTER_INBOUND_RETENTION", get("MUSTER_INBOUND_RETENTION"), { unit: "d", min: 1, max: 3_650 }, problems);
  return { inbound: { file: get("MUSTER_INBOUND") || undefined, retentionMs } };
}
