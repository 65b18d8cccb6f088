import { unlabelled, type Metric } from "../../kernel/meter.ts";

export const tokenFileFailures = {
  kind: "counter",
  name: "token_file_read_failures_total",
  help: "Looks at the token file that found nothing to be used",
  series: unlabelled,
} satisfies Metric;

export const identityFailures = {
  kind: "counter",
  name: "identity_provider_read_failures_total",
  help: "Looks at an identity provider that found no keys to be used",
  series: unlabelled,
} satisfies Metric;
