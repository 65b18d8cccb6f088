import type { LogLevel } from "../kernel/log.ts";
import { oneOf } from "./values.ts";

export const logVariables = {
  MUSTER_LOG_LEVEL: { fallback: "info", secret: false },
  MUSTER_LOG_FORMAT: { fallback: "text", secret: false },
} as const;

export interface LogSettings {
  readonly level: LogLevel;
  readonly format: "json" | "text";
}

export function parseLog(get: (name: keyof typeof logVariables) => string, problems: string[]): LogSettings {
  return {
    level: oneOf("MUSTER_LOG_LEVEL", get("MUSTER_LOG_LEVEL"), ["debug", "info", "warn", "error"], problems),
    format: oneOf("MUSTER_LOG_FORMAT", get("MUSTER_LOG_FORMAT"), ["text", "json"], problems),
  };
}
