import { unlabelled, type Metric } from "../../kernel/meter.ts";

export const directoryFailures = {
  kind: "counter",
  name: "directory_read_failures_total",
  help: "Looks at the directory that found nothing to be used",
  series: unlabelled,
} satisfies Metric;

export const directoryVersion = {
  kind: "gauge",
  name: "directory_version",
  help: "Version of the directory in use, the highest of all tenants",
  series: unlabelled,
} satisfies Metric;
