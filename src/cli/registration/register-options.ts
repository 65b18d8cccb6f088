import type { Option } from "../frame/command.ts";

/** The options of `register` that describe the instance; `register-request.ts` builds the request from them. */
export const registerOptions: readonly Option[] = [
  { name: "type", short: "t", value: "TYPE", choices: ["service", "module", "connector"], what: "what the instance is" },
  { name: "version", value: "VERSION", what: "version of the software; for a module also of its schema" },
  { name: "check-at", value: "HOST:PORT", what: "address for health checks and the callback, if another" },
  { name: "instance-tls", what: "the instance uses TLS" },
  { name: "metadata", value: "KEY=VALUE", many: true, what: "arbitrary data recorded with the instance" },
  { name: "tag", value: "TAG", many: true, what: "a label for discovery" },
  { name: "capability", value: "NAME", many: true, what: "a capability of the instance" },
  { name: "grpc-service", value: "NAME", many: true, what: "full name of a gRPC service it serves" },
  { name: "http", value: "URL", many: true, what: "an HTTP address it serves beside gRPC" },
  { name: "http-schema", value: "FILE", what: "OpenAPI document of the HTTP addresses" },
  { name: "http-schema-path", value: "PATH", what: "or the path where the first HTTP address serves it, such as /q/openapi?format=json" },
  { name: "http-schema-version", value: "VERSION", what: "its version" },
  { name: "http-schema-artifact-id", value: "ID", what: "its id in the schema registry" },
  { name: "health-timeout", value: "DURATION", what: "time to become healthy: 60s by default, at most 120s" },
  { name: "startup-grace", value: "DURATION", what: "time in which a failed check counts as a start-up: 15s by default" },
  { name: "request-id", value: "KEY", what: "key of this request, so that sending it again joins the same attempt" },
  { name: "wait-for-approval", what: "wait for the decision, where a policy requires approval" },
  { name: "dry-run", what: "only validate the request" },
  { name: "file", short: "f", value: "FILE", what: "a RegisterRequest as JSON or YAML, - for stdin; options take precedence" },
];
